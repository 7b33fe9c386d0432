"""Writes golden/: what transformers computes from the trained checkpoint, in f32 on the CPU with eager attention.

The checkpoint's matrices lie on the q8 grid already, so these numbers hold for the q8 pack as well.
"""

import json
import shutil

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from train import HERE

GOLDEN = HERE / "golden"
SELF_TEST_LENGTH = 64
MIN_MARGIN = 0.05
MOST_TOKENS = 48
TRANSCRIPTS = 10


def ask(*turns):
    roles = ("user", "assistant")
    return [{"role": roles[index % 2], "content": text} for index, text in enumerate(turns)]


# More than ten: those with a near tie or a long answer are dropped.
CANDIDATES = [
    ask("What is ComputePool?"),
    ask("How do I join with my GPU?"),
    ask("What is the capital of France?"),
    ask("how are operators paid"),
    ask("Hello!"),
    ask("What happens when a tab closes in the middle of an answer?"),
    ask("Write me a poem about the sea."),
    [{"role": "system", "content": "You are a helpful assistant."}, *ask("Is my prompt private?")],
    ask("What is a slice?", "A slice is the run of layers that one tab holds, for example layers 12 to 24. Together the slices cover the model exactly once.", "And what is a hop?"),
    ask("Can I use the OpenAI client from Python?"),
    ask("How do I start it on my machine?"),
    ask("What is the KV cache?"),
    ask("Do I need a wallet?"),
    ask("What is 12 times 7?"),
    ask("Why is it so slow?"),
    ask("thanks"),
    ask("What is the orchestrator?"),
    ask("How do tabs talk to each other?"),
]
SELF_TEST_CHAT = ask(
    "How does ComputePool work?",
    "A request enters at the entry tab, passes through every slice of layers in turn, and the exit tab picks the next token. "
    "The token goes straight back to the entry, and the lap repeats.",
    "What is an activation, and how big is a hop?",
)


def write_lines(path, value):
    """JSON with one entry a line."""
    if isinstance(value, list):
        text = "[\n" + ",\n".join("  " + json.dumps(item, ensure_ascii=False) for item in value) + "\n]\n"
    else:
        text = "{\n" + ",\n".join(f"  {json.dumps(key)}: {json.dumps(item, ensure_ascii=False)}" for key, item in value.items()) + "\n}\n"
    path.write_text(text)


def prompt_tokens(tokenizer, messages):
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return tokenizer.encode(text, add_special_tokens=False)


@torch.no_grad()
def greedy(model, tokens, end):
    """Greedy continuation up to and with the end token, and the smallest lead of the first logit over the second."""
    out, margin = [], float("inf")
    while len(out) < MOST_TOKENS + 1:
        last = model(torch.tensor([tokens + out]), use_cache=False).logits[0, -1]
        top = last.topk(2).values
        margin = min(margin, float(top[0] - top[1]))
        out.append(int(last.argmax()))
        if out[-1] == end:
            break
    return out, margin


@torch.no_grad()
def boundaries(model, tokens):
    """Hidden states [tokens, hidden] entering each layer, and last the one that leaves the last layer, before the final norm."""
    found, hooks = {}, []
    layers = model.model.layers
    for index, layer in enumerate(layers):
        hooks.append(layer.register_forward_pre_hook(
            lambda _, args, kwargs, at=index: found.__setitem__(at, args[0] if args else kwargs["hidden_states"]), with_kwargs=True))
    hooks.append(layers[-1].register_forward_hook(
        lambda _, args, output: found.__setitem__(len(layers), output[0] if isinstance(output, tuple) else output)))
    logits = model(torch.tensor([tokens]), use_cache=False).logits[0]
    for hook in hooks:
        hook.remove()
    return [found[at].reshape(len(tokens), -1) for at in range(len(layers) + 1)], logits


def digits(values):
    return [float(f"{value:.8g}") for value in values]


def main():
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(HERE / "checkpoint")
    model = AutoModelForCausalLM.from_pretrained(HERE / "checkpoint", dtype=torch.float32, attn_implementation="eager").eval()
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    shutil.rmtree(GOLDEN, ignore_errors=True)
    (GOLDEN / "activations").mkdir(parents=True)

    transcripts = []
    for messages in CANDIDATES:
        if len(transcripts) == TRANSCRIPTS:
            break
        tokens = prompt_tokens(tokenizer, messages)
        completion, margin = greedy(model, tokens, end)
        text = tokenizer.decode(completion, skip_special_tokens=True)
        keep = completion[-1] == end and margin >= MIN_MARGIN
        print(f"{'keep' if keep else 'DROP'} margin {margin:.3f} {len(completion)} tokens | {messages[-1]['content']} -> {text}")
        if keep:
            transcripts.append({
                "messages": messages, "promptTokens": tokens, "completionTokens": completion, "text": text, "minMargin": round(margin, 4),
            })
    assert len(transcripts) == TRANSCRIPTS
    write_lines(GOLDEN / "transcripts.json", transcripts)

    tokens = transcripts[0]["promptTokens"]
    _, logits = boundaries(model, tokens)
    top = logits.topk(2, dim=-1).values
    write_lines(GOLDEN / "logits.json", {
        "messages": transcripts[0]["messages"], "tokens": tokens, "argmax": logits.argmax(-1).tolist(),
        "argmaxMargins": [round(x, 3) for x in (top[:, 0] - top[:, 1]).tolist()], "logits": digits(logits[-1].tolist()),
    })

    tokens = prompt_tokens(tokenizer, SELF_TEST_CHAT)[:SELF_TEST_LENGTH]
    assert len(tokens) == SELF_TEST_LENGTH
    states, logits = boundaries(model, tokens)
    for index, state in enumerate(states):
        (GOLDEN / "activations" / f"boundary-{index}.f32").write_bytes(state.numpy().astype("<f4").tobytes())
    top = logits.topk(2, dim=-1).values
    best = logits[-1].topk(16)
    write_lines(GOLDEN / "selftest.json", {
        "tokens": tokens, "hidden": model.config.hidden_size, "layers": model.config.num_hidden_layers,
        "logitsArgmax": logits.argmax(-1).tolist(), "logitsArgmaxMargins": [round(x, 3) for x in (top[:, 0] - top[:, 1]).tolist()],
        "logitsLastTop": [[int(i), float(f"{v:.8g}")] for v, i in zip(best.values.tolist(), best.indices.tolist())],
    })
    print(f"smallest margin {min(item['minMargin'] for item in transcripts)}")
    print("activation range by boundary: " + " ".join(f"{float(np.abs(state.numpy()).max()):.1f}" for state in states))


if __name__ == "__main__":
    main()
