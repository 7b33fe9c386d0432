"""Makes the tiny random models of this folder and their golden files.

Writes one Hugging Face folder per architecture, GGUF twins of the same weights, and the logits
that transformers computes from the weights exactly as stored. Everything follows from SEED; no
network. It knows nothing of packs: a packer is tested against what is written here.
"""

import json
import math
import shutil
import sys
import zlib
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer

SEED = 20
HERE = Path(__file__).parent
LENGTH = 40
EXTRA = 8
MIN_MARGIN = 0.05
SPECIALS = ["<|begin|>", "<|im_start|>", "<|im_end|>", "<|pad|>"]
TEXT_VOCAB = 288
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
CORPUS = [
    "A pool of tabs holds the layers of one model, and the hidden state hops from tab to tab.",
    "The token goes from the exit straight to the entry. The entry starts the next lap.",
    "user asks the pool a question and the assistant answers with the next token",
    "layers 0 to 3, layers 3 to 6: each peer holds a share of the layers.",
]

# The Hub still serves mostly the older spelling of config.json (rope_theta, rope_scaling, torch_dtype);
# qwen3 below has the spelling that transformers 5 writes (rope_parameters, dtype), so both are covered.
COMMON = {
    "hidden_act": "silu", "hidden_size": 64, "initializer_range": 0.02, "intermediate_size": 96,
    "max_position_embeddings": 256, "num_attention_heads": 4, "num_hidden_layers": 3, "num_key_value_heads": 2,
    "use_cache": True,
}
VARIANTS = {
    "llama": {
        "stored": torch.float16, "tokenizer": True, "gguf": ["f16", "q8_0", "q4_0", "q4_1"],
        "config": {
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", **COMMON, "attention_bias": False, "mlp_bias": False,
            "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "rope_scaling": None, "tie_word_embeddings": True,
            "torch_dtype": "float16", "vocab_size": TEXT_VOCAB, "bos_token_id": 284, "eos_token_id": 286,
        },
    },
    "llama3": {
        "stored": torch.bfloat16, "shards": 2, "gguf": ["f16", "q8_0"],
        "config": {
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", **COMMON, "attention_bias": False, "mlp_bias": False,
            "rms_norm_eps": 1e-5, "rope_theta": 500000.0,
            "rope_scaling": {
                "factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
                "original_max_position_embeddings": 64, "rope_type": "llama3",
            },
            "tie_word_embeddings": False, "torch_dtype": "bfloat16", "vocab_size": 160, "bos_token_id": 0, "eos_token_id": 1,
        },
    },
    "qwen2": {
        "stored": torch.float32, "gguf": ["q8_0"],
        "config": {
            "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", **COMMON, "attention_dropout": 0.0,
            "max_window_layers": 3, "rms_norm_eps": 1e-6, "rope_theta": 1000000.0, "sliding_window": 256,
            "use_sliding_window": False, "tie_word_embeddings": True, "torch_dtype": "float32", "vocab_size": 128,
            "bos_token_id": 0, "eos_token_id": 1,
        },
    },
    "qwen3": {
        "stored": torch.bfloat16, "tokenizer": True, "gguf": ["bf16", "q8_0", "q4_0", "q4_1"],
        "config": {
            "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", **COMMON, "attention_bias": False,
            "attention_dropout": 0.0, "head_dim": 32, "layer_types": ["full_attention"] * 3, "max_window_layers": 3,
            "rms_norm_eps": 1e-6, "rope_parameters": {"rope_theta": 1000000.0, "rope_type": "default"},
            "sliding_window": None, "use_sliding_window": False, "tie_word_embeddings": True, "dtype": "bfloat16",
            "vocab_size": TEXT_VOCAB, "bos_token_id": None, "eos_token_id": 286, "pad_token_id": 287,
        },
    },
}


def head_dim(config):
    return config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]


def tensor_shapes(config):
    """Name and shape of every stored tensor, in file order."""
    hidden, inner, dim = config["hidden_size"], config["intermediate_size"], head_dim(config)
    q, kv = config["num_attention_heads"] * dim, config["num_key_value_heads"] * dim
    shapes = {"model.embed_tokens.weight": (config["vocab_size"], hidden)}
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        shapes[at + "input_layernorm.weight"] = (hidden,)
        for name, rows in (("q", q), ("k", kv), ("v", kv)):
            shapes[f"{at}self_attn.{name}_proj.weight"] = (rows, hidden)
            if config["model_type"] == "qwen2":
                shapes[f"{at}self_attn.{name}_proj.bias"] = (rows,)
        shapes[at + "self_attn.o_proj.weight"] = (hidden, q)
        if config["model_type"] == "qwen3":
            shapes[at + "self_attn.q_norm.weight"] = (dim,)
            shapes[at + "self_attn.k_norm.weight"] = (dim,)
        shapes[at + "post_attention_layernorm.weight"] = (hidden,)
        shapes[at + "mlp.gate_proj.weight"] = (inner, hidden)
        shapes[at + "mlp.up_proj.weight"] = (inner, hidden)
        shapes[at + "mlp.down_proj.weight"] = (hidden, inner)
    shapes["model.norm.weight"] = (hidden,)
    if not config["tie_word_embeddings"]:
        shapes["lm_head.weight"] = (config["vocab_size"], hidden)
    return shapes


def random_tensor(model, name, shape):
    # Seeded by name, so that a tensor's values do not depend on the order in which tensors are made.
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(SEED + zlib.crc32(f"{model}/{name}".encode())))
    if name.endswith("norm.weight"):
        return 1 + 0.2 * noise
    if name.endswith(".bias"):
        return 0.3 * noise
    # Wider than the usual 0.02: logits must lie far apart, or a wrong engine could still pass.
    return noise * (0.3 if "embed_tokens" in name or "lm_head" in name else 0.15)


def write_weights(folder, tensors, shards):
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return
    names = list(tensors)
    # The cut falls inside layer 1, as the Hub's shards do: a layer's tensors may lie in two files.
    cut = names.index("model.layers.1.self_attn.o_proj.weight")
    weight_map, total = {}, 0
    for shard, group in enumerate((names[:cut], names[cut:]), start=1):
        file = f"model-{shard:05d}-of-{shards:05d}.safetensors"
        save_file({name: tensors[name] for name in group}, folder / file, metadata={"format": "pt"})
        weight_map.update({name: file for name in group})
        total += sum(tensors[name].numel() * tensors[name].element_size() for name in group)
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
    write_json(folder / "model.safetensors.index.json", index)


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def compact(value):
    """JSON with every array of numbers on one line."""
    if isinstance(value, dict):
        inner = ",\n".join(f"  {json.dumps(key)}: {json.dumps(item, ensure_ascii=False)}" for key, item in value.items())
        return "{\n" + inner + "\n}\n"
    return json.dumps(value) + "\n"


def make_tokenizer():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=TEXT_VOCAB - len(SPECIALS), initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in SPECIALS])
    assert tokenizer.get_vocab_size() == TEXT_VOCAB
    return tokenizer


def write_tokenizer(folder, tokenizer):
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    write_json(folder / "tokenizer_config.json", {
        "add_bos_token": False, "add_prefix_space": False, "bos_token": "<|begin|>", "eos_token": "<|im_end|>", "pad_token": "<|pad|>",
        "clean_up_tokenization_spaces": False, "model_max_length": 256, "chat_template": CHAT_TEMPLATE,
        "tokenizer_class": "PreTrainedTokenizerFast",
    })
    loaded = AutoTokenizer.from_pretrained(folder)
    messages = [{"role": "user", "content": "Which layers does each tab hold?"}]
    texts = ["The token goes from the exit to the entry.", "Schön: 12–24 layers 🦊\n", "  two  spaces"]
    rendered = loaded.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    golden = {
        "texts": [{"text": text, "tokens": loaded.encode(text, add_special_tokens=False)} for text in texts],
        "chat": {"messages": messages, "text": rendered, "tokens": loaded.encode(rendered, add_special_tokens=False)},
    }
    write_json(folder / "golden-tokenizer.json", golden)


def golden(model, tokens):
    """Logits, argmax and the last position's first values at each layer boundary, before the final norm."""
    boundaries, hooks = {}, []
    layers = model.model.layers
    for index, layer in enumerate(layers):
        hooks.append(layer.register_forward_pre_hook(
            lambda _, args, kwargs, at=index: boundaries.__setitem__(at, args[0] if args else kwargs["hidden_states"]), with_kwargs=True))
    hooks.append(layers[-1].register_forward_hook(
        lambda _, args, output: boundaries.__setitem__(len(layers), output[0] if isinstance(output, tuple) else output)))
    with torch.no_grad():
        logits = model(torch.tensor([tokens]), use_cache=False).logits[0]
    for hook in hooks:
        hook.remove()
    greedy, margin = [], math.inf
    with torch.no_grad():
        for _ in range(EXTRA):
            last = model(torch.tensor([tokens + greedy]), use_cache=False).logits[0, -1]
            top = last.topk(2).values
            # A near tie may fall either way in another engine: the golden text ends before it.
            if float(top[0] - top[1]) < MIN_MARGIN:
                break
            margin = min(margin, float(top[0] - top[1]))
            greedy.append(int(last.argmax()))
    top = logits.topk(2, dim=-1).values
    return {
        "tokens": tokens,
        "argmax": logits.argmax(-1).tolist(),
        "argmaxMargins": [round(x, 3) for x in (top[:, 0] - top[:, 1]).tolist()],
        "logits": [float(f"{x:.7g}") for x in logits[-1].tolist()],
        "boundaries": {str(at): [float(f"{x:.7g}") for x in boundaries[at].reshape(-1, boundaries[at].shape[-1])[-1, :8].tolist()] for at in sorted(boundaries)},
        "greedy": greedy,
        "greedyMinMargin": round(margin, 4) if greedy else None,
    }


def permute(rows, heads):
    """Hugging Face's half-split rope rows to llama.cpp's interleaved ones."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def unpermute(rows, heads):
    return rows.reshape(heads, rows.shape[0] // heads // 2, 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def rope_factors(config):
    """Divisors of the rope frequencies, as llama.cpp stores llama3 scaling (rope_freqs.weight)."""
    scaling, dim = config["rope_scaling"], head_dim(config)
    factors = []
    for i in range(0, dim, 2):
        wavelength = 2 * math.pi * config["rope_theta"] ** (i / dim)
        original, low, high = scaling["original_max_position_embeddings"], scaling["low_freq_factor"], scaling["high_freq_factor"]
        if wavelength < original / high:
            factors.append(1.0)
        elif wavelength > original / low:
            factors.append(scaling["factor"])
        else:
            smooth = (original / wavelength - low) / (high - low)
            factors.append(1 / ((1 - smooth) / scaling["factor"] + smooth))
    return np.array(factors, dtype=np.float32)


GGUF_NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}
QUANTS = {
    "f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "bf16": (gguf.GGMLQuantizationType.BF16, gguf.LlamaFileType.MOSTLY_BF16),
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
    "q4_0": (gguf.GGMLQuantizationType.Q4_0, gguf.LlamaFileType.MOSTLY_Q4_0),
    "q4_1": (gguf.GGMLQuantizationType.Q4_1, gguf.LlamaFileType.MOSTLY_Q4_1),
}


def gguf_name(name):
    fixed = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight", "lm_head.weight": "output.weight"}
    if name in fixed:
        return fixed[name]
    _, _, layer, rest = name.split(".", 3)
    stem, kind = rest.rsplit(".", 1)
    return f"blk.{layer}.{GGUF_NAMES[stem]}.{kind}"


def permuted_heads(config, name):
    """How many heads' rows llama.cpp re-orders in this tensor; None for every tensor but llama's q and k."""
    if config["model_type"] != "llama":
        return None
    if "q_proj" in name:
        return config["num_attention_heads"]
    return config["num_key_value_heads"] if "k_proj" in name else None


def write_gguf(path, model, config, tensors, quant, tokenizer):
    """Writes the file and returns the weights as a reader of it would dequantise them, by Hugging Face name."""
    architecture = config["model_type"]
    qtype, file_type = QUANTS[quant]
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name(f"tiny random {model}")
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config.get("rope_theta") or config["rope_parameters"]["rope_theta"])
    # As real files have them: Qwen2's omit the key length, Llama's and Qwen3's state it.
    if architecture != "qwen2":
        writer.add_key_length(head_dim(config))
        writer.add_value_length(head_dim(config))
    if architecture == "llama":
        writer.add_vocab_size(config["vocab_size"])
        writer.add_rope_dimension_count(head_dim(config))
    if tokenizer:
        state = json.loads(tokenizer.to_str())
        ids = sorted(tokenizer.get_vocab(with_added_tokens=True).items(), key=lambda item: item[1])
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("gpt-2")
        writer.add_token_list([text for text, _ in ids])
        writer.add_token_types([gguf.TokenType.CONTROL if text in SPECIALS else gguf.TokenType.NORMAL for text, _ in ids])
        writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in state["model"]["merges"]])
        writer.add_bos_token_id(284)
        writer.add_eos_token_id(286)
        writer.add_pad_token_id(287)
        writer.add_add_bos_token(False)
        writer.add_chat_template(CHAT_TEMPLATE)
    if config.get("rope_scaling"):
        writer.add_tensor("rope_freqs.weight", rope_factors(config))
    read_back = {}
    for name, tensor in tensors.items():
        values = tensor.float().numpy()
        heads = permuted_heads(config, name)
        stored = values if heads is None else np.ascontiguousarray(permute(values, heads))
        if stored.ndim == 1:
            writer.add_tensor(gguf_name(name), stored)
        elif quant == "f16":
            stored = stored.astype(np.float16)
            writer.add_tensor(gguf_name(name), stored)
            stored = stored.astype(np.float32)
        else:
            blocks = gguf.quants.quantize(stored, qtype)
            writer.add_tensor(gguf_name(name), blocks, raw_dtype=qtype)
            stored = gguf.quants.dequantize(blocks, qtype)
        read_back[name] = torch.from_numpy(np.ascontiguousarray(stored if heads is None else unpermute(stored, heads)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return read_back


def make(model, variant, tokenizer):
    folder = HERE / model
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = variant["config"]
    tensors = {name: random_tensor(model, name, shape).to(variant["stored"]) for name, shape in tensor_shapes(config).items()}
    write_json(folder / "config.json", config)
    write_weights(folder, tensors, variant.get("shards", 1))
    if variant.get("tokenizer"):
        write_tokenizer(folder, tokenizer)
    reference, info = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    reference.eval()
    missing = set(info["missing_keys"]) - {"lm_head.weight"}
    assert not missing and not info["unexpected_keys"], info
    generator = torch.Generator().manual_seed(SEED + zlib.crc32(model.encode()))
    tokens = torch.randint(0, config["vocab_size"], (LENGTH,), generator=generator).tolist()
    plain = golden(reference, tokens)
    (folder / "golden.json").write_text(compact(plain))
    spread = float(np.std(plain["logits"]))
    print(f"{model}: logit spread {spread:.2f}, greedy margin {plain['greedyMinMargin']}")
    for quant in variant["gguf"]:
        weights = write_gguf(folder / f"model-{quant}.gguf", model, config, tensors, quant, tokenizer if variant.get("tokenizer") else None)
        reference.load_state_dict(weights, strict=False)
        twin = golden(reference, tokens)
        (folder / f"golden-{quant}.json").write_text(compact(twin))
        drift = float(np.abs(np.array(twin["logits"]) - np.array(plain["logits"])).max())
        print(f"  {quant}: largest logit change {drift:.4f}, greedy margin {twin['greedyMinMargin']}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    wanted = sys.argv[1:] or list(VARIANTS)
    shared_tokenizer = make_tokenizer()
    for name in wanted:
        make(name, VARIANTS[name], shared_tokenizer)
