"""Trains the demo model from scratch on the dialogues in data/ and saves it with q8-exact weights.

Run once; the pack made from its output is what is committed. It knows the data's notation and
transformers' Qwen3; it knows nothing of packs, except that a q8 block is 32 weights with one f16 scale.
"""

import argparse
import json
import math
import random
import re
import string
import time
from pathlib import Path

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AutoTokenizer, GenerationConfig, Qwen3Config, Qwen3ForCausalLM

HERE = Path(__file__).parent
SEED = 7
VOCAB = 2048
CONTEXT = 1024
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
# Qwen's own splitting rule, so that the demo takes the same path through a tokenizer as the models people will pack.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SYSTEM = [
    "You are a helpful assistant.", "You answer questions about ComputePool.", "Be brief.", "Answer in short sentences.",
    "You are the demo model of ComputePool.", "You are a helpful, honest assistant. Keep answers short.",
]
PREFIXES = [
    "please", "hi,", "hello,", "hey,", "hello!", "quick question:", "one question:", "sorry,", "excuse me,", "tell me,", "so", "and", "ok,",
    "I wonder:", "just asking:", "dear bot,", "question:", "I am new here.", "hi there,", "could you tell me:", "now", "well,", "but",
    "I'd like to know,", "I was wondering,", "do you know,", "would you tell me,", "my friend asks:", "before I start,", "for my understanding,",
    "one thing I don't get:", "let me ask:", "maybe a silly question:", "as a beginner,", "in this pool,", "suppose", "imagine", "I keep wondering,",
    "I keep asking myself,", "if I understand it right,", "another thing:", "next question:", "by the way,", "actually,", "say,", "and now",
    "I read about it, but", "someone told me to ask:", "in general,", "can you say", "I have to ask,", "my boss wants to know:", "ah,",
]
SUFFIXES = [
    "please", "thanks", "thank you", "please explain", "in short", "in simple words", "exactly", "briefly", "again", "then", "for me", "here",
    "in this pool", "right now", "at all", "in all of this", "on this computer", "if I may ask", "by the way", "in your own words", "for example",
    "in practice", "as well", "too", "you know", "anyway", "really", "after all", "with this", "on my side", "there", "now", "today", "so far",
    "in your opinion", "in detail", "with ComputePool", "in ComputePool", "with you", "I wonder", "and why", "and how", "dear bot",
    "in plain words", "in normal language", "for dummies", "as if I were five", "at this moment", "at present", "most of the time", "in the end",
    "from the start", "in one line", "without jargon", "honestly", "if possible", "when you have time", "one more time", "step by step", "in a nutshell",
    "these days", "for a beginner", "for my boss", "so that I understand", "before I do it", "for my project", "at home", "for real", "in a sentence",
]
# Words that may stand for each other in any question without changing its topic.
SYNONYMS = [
    ["laptop", "computer", "machine", "PC"], ["graphics card", "GPU", "video card"], ["answer", "reply", "response"], ["how do I", "how can I", "how could I", "how would I"],
    ["can I", "could I", "am I able to", "is it possible to", "would I be able to"], ["what is", "what's", "whats"], ["do I have to", "must I", "do I need to", "should I"],
    ["I would like", "I'd like", "I want"], ["I have", "I've got", "I own"], ["is not", "isn't"], ["do not", "don't"], ["someone", "somebody", "a person", "anyone"],
    ["which", "what"], ["people", "persons", "folks"], ["make", "create", "produce"], ["use", "take", "work with"], ["get", "receive", "obtain"], ["if", "when", "in case"],
    ["will", "would"], ["need", "require"], ["happens", "occurs", "goes on"], ["tell me about", "say something about", "explain"], ["why", "for what reason", "how come"],
    ["big", "large"], ["fast", "quick"], ["show", "display"], ["my", "the", "our"], ["a", "the", "one"], ["it", "this", "that"], ["does", "will", "would"], ["start", "begin"],
    ["stop", "end"], ["in", "inside"], ["several", "many", "multiple"], ["only", "just"], ["right", "correct"], ["the tabs", "all tabs", "tabs"], ["I", "one", "we"],
]
FILLERS = [
    "really", "just", "actually", "exactly", "also", "then", "here", "now", "please", "simply", "even", "still", "maybe", "well", "so", "the", "a",
    "that", "of", "to", "and", "some", "kind of", "my", "own", "all", "very", "always", "often", "ever", "first", "there", "again", "for", "with", "on",
]


class Grammar:
    """Expands {a|b}, [optional] and $name. Choices are weighted by nothing: every branch is as likely as its siblings."""

    def __init__(self, names, rng):
        self.names, self.rng = names, rng

    def expand(self, text):
        parts, at = [], 0
        while at < len(text):
            char = text[at]
            if char in "{[":
                end = self._close(text, at)
                options = self._split(text[at + 1:end])
                if char == "{" or self.rng.random() < 0.4:
                    parts.append(self.expand(self.rng.choice(options)))
                at = end + 1
            elif char == "$":
                name = re.match(r"[a-z]+", text[at + 1:]).group()
                parts.append(self._pseudo_word() if name == "word" else self.expand(self.names[name]))
                at += 1 + len(name)
            else:
                parts.append(char)
                at += 1
        return re.sub(r"\s+", " ", "".join(parts)).strip()

    def _pseudo_word(self):
        # An unknown word must lead to "I only know ComputePool", whatever its letters are.
        rng = self.rng
        onset = ["b", "br", "c", "ch", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "pr", "qu", "r", "s", "st", "t", "tr", "v", "w", "z", ""]
        vowel = ["a", "e", "i", "o", "u", "ea", "ou", "ai", "y", "oo"]
        coda = ["", "n", "r", "s", "l", "m", "t", "ck", "nd", "st", "x", "ng", "sh", "rd"]
        word = "".join(rng.choice(onset) + rng.choice(vowel) + rng.choice(coda) for _ in range(rng.choice([1, 2, 2, 3])))
        return word.capitalize() if rng.random() < 0.3 else word

    @staticmethod
    def _close(text, at):
        depth = 0
        for index in range(at, len(text)):
            depth += text[index] in "{["
            depth -= text[index] in "}]"
            if depth == 0:
                return index
        raise ValueError(f"no closing bracket in: {text}")

    @staticmethod
    def _split(text):
        options, depth, start = [], 0, 0
        for index, char in enumerate(text):
            depth += char in "{["
            depth -= char in "}]"
            if char == "|" and depth == 0:
                options.append(text[start:index])
                start = index + 1
        return [*options, text[start:]]


def read_topics(path):
    """Topics of a data file: [{ id, questions, answer, more }] and its $names."""
    topics, names = [], {}
    for line in path.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("$"):
            name, value = line[1:].split(" = ", 1)
            names[name] = value
        elif line.startswith("= "):
            topics.append({"id": line[2:], "questions": [], "more": None})
        else:
            if not topics:
                topics.append({"id": path.stem, "questions": [], "more": None})
            key, text = line[0], line[2:]
            if key == "?":
                topics[-1]["questions"].append(text)
            elif key == "!":
                topics[-1]["answer"] = text
            elif key == "+":
                topics[-1]["more"] = text
            else:
                raise ValueError(f"{path.name}: unknown line {line}")
    return topics, names


def misspell(rng, text):
    """One typing slip: a letter dropped, doubled or swapped."""
    places = [i for i in range(1, len(text) - 1) if text[i].isalpha() and text[i + 1].isalpha()]
    if not places:
        return text
    at = rng.choice(places)
    kind = rng.random()
    if kind < 0.4:
        return text[:at] + text[at + 1:]
    if kind < 0.8:
        return text[:at] + text[at + 1] + text[at] + text[at + 2:]
    return text[:at] + text[at] + text[at:]


def plain(text):
    return re.sub(r"[^a-z0-9 ]", "", text.lower()).strip()


SYNONYM_OF = {word: group for group in SYNONYMS for word in group}
SYNONYM_PATTERN = re.compile(r"\b(" + "|".join(sorted(map(re.escape, SYNONYM_OF), key=len, reverse=True)) + r")\b")


def rephrase(rng, text):
    """Swaps synonyms, and drops, adds or swaps words, so that the topic is learned from what the words say together."""
    if rng.random() < 0.6:
        text = SYNONYM_PATTERN.sub(lambda found: rng.choice(SYNONYM_OF[found.group()]) if rng.random() < 0.3 else found.group(), text)
    if rng.random() < 0.35:
        words, out = text.split(), []
        for word in words:
            if rng.random() < 0.06:
                out.append(rng.choice(FILLERS))
            if len(words) < 4 or rng.random() > 0.1:
                out.append(word)
        if len(out) > 3 and rng.random() < 0.25:
            at = rng.randrange(len(out) - 1)
            out[at], out[at + 1] = out[at + 1], out[at]
        text = " ".join(out) or text
    return text


def dress(rng, text, polite=True):
    """A question as a person may type it: words, case, question mark, courtesy, slips."""
    if polite:
        text = rephrase(rng, text)
        if rng.random() < 0.25:
            text = f"{rng.choice(PREFIXES)} {text}"
        if rng.random() < 0.2:
            text = f"{text}{rng.choice([' ', ' ', ', '])}{rng.choice(SUFFIXES)}"
    if rng.random() < 0.08:
        text = misspell(rng, text)
    style = rng.random()
    if style < 0.6:
        text = text[0].upper() + text[1:]
    elif style < 0.8:
        text = text.lower()
    return text + rng.choices(["?", "", ".", "!", " ?", "??"], [0.6, 0.28, 0.05, 0.03, 0.02, 0.02])[0]


class Dialogues:
    # What newcomers ask first is asked more often.
    FIRST = {"what-is", "how-works", "why", "who-are-you", "join", "operator", "pay", "price", "privacy", "start", "browser", "api", "slice"}

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.topics, names = read_topics(HERE / "data" / "dialogues.txt")
        self.on = Grammar(names, self.rng)
        off, names = read_topics(HERE / "data" / "off-topic.txt")
        self.off_topic, self.off = off[0], Grammar(names, self.rng)
        follow, _ = read_topics(HERE / "data" / "follow-ups.txt")
        self.follow = follow[0]["questions"]
        held_out = (HERE / "data" / "held-out.jsonl").read_text().splitlines()
        self.never = {plain(json.loads(line)["question"]) for line in held_out}
        self.weights = [len(topic["questions"]) ** 0.5 * (1.6 if topic["id"] in self.FIRST else 1) for topic in self.topics]

    def pair(self):
        """A topic and a question about it; never a held-out one."""
        while True:
            topic, question = self._draw()
            if plain(question) not in self.never:
                return topic, question

    def _draw(self):
        rng = self.rng
        if rng.random() < 0.22:
            return self.off_topic, dress(rng, self.off.expand(rng.choice(self.off_topic["questions"])))
        topic = rng.choices(self.topics, self.weights)[0]
        small_talk = topic["id"] in ("hello", "thanks", "bye")
        return topic, dress(rng, self.on.expand(rng.choice(topic["questions"])), polite=not small_talk)

    def next(self):
        """One dialogue as messages; the assistant's are what is learned."""
        rng = self.rng
        messages = [{"role": "system", "content": rng.choice(SYSTEM)}] if rng.random() < 0.12 else []
        topic, question = self.pair()
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": topic["answer"]}]
        if rng.random() < 0.2:
            if topic["more"] and rng.random() < 0.5:
                question, answer = dress(rng, self.on.expand(rng.choice(self.follow)), polite=False), topic["more"]
            else:
                topic, question = self.pair()
                answer = topic["answer"]
            messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        return messages

    def corpus(self, count):
        for _ in range(count):
            for message in self.next():
                yield message["content"]


def make_tokenizer(folder):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB - len(SPECIALS), initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False, min_frequency=2
    )
    tokenizer.train_from_iterator(Dialogues(SEED).corpus(12000), trainer)
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in SPECIALS])
    assert tokenizer.get_vocab_size() == VOCAB, tokenizer.get_vocab_size()
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "add_bos_token": False, "add_prefix_space": False, "bos_token": None, "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False, "eos_token": "<|im_end|>", "model_max_length": CONTEXT, "pad_token": "<|endoftext|>",
        "tokenizer_class": "PreTrainedTokenizerFast", "unk_token": None,
    }, indent=2) + "\n")


def make_model(tokenizer):
    torch.manual_seed(SEED)
    end, pad = tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])
    config = Qwen3Config(
        vocab_size=VOCAB, hidden_size=192, intermediate_size=512, num_hidden_layers=6, num_attention_heads=6, num_key_value_heads=3,
        head_dim=32, max_position_embeddings=CONTEXT, rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        tie_word_embeddings=True, attention_bias=False, rms_norm_eps=1e-6, bos_token_id=None, eos_token_id=end, pad_token_id=pad,
        use_cache=True, dtype="float32", initializer_range=0.04,
    )
    model = Qwen3ForCausalLM(config)
    model.set_attn_implementation("eager")  # twice as fast as sdpa on short rows on a CPU
    model.generation_config = GenerationConfig(do_sample=False, eos_token_id=end, pad_token_id=pad)
    return model


def encode(tokenizer, messages, most=None):
    """Token ids, and for each the label to learn (-100 where nothing is learned); the last answer is cut to `most` tokens."""
    ids, labels = [], []
    start, end = tokenizer.convert_tokens_to_ids(["<|im_start|>", "<|im_end|>"])
    newline = tokenizer.encode("\n", add_special_tokens=False)
    for message in messages:
        head = [start, *tokenizer.encode(message["role"] + "\n", add_special_tokens=False)]
        body = [*tokenizer.encode(message["content"], add_special_tokens=False), end]
        learn = message["role"] == "assistant"
        if learn and most and message is messages[-1] and len(body) > most:
            return ids + head + body[:most], labels + [-100] * len(head) + body[:most]
        ids += head + body + newline
        labels += [-100] * len(head) + (body if learn else [-100] * len(body)) + [-100] * len(newline)
    return ids, labels


def batches(tokenizer, dialogues, tokens_per_batch, whole):
    """Endless batches of dialogues of like length, so that little is padding."""
    pad, rng = tokenizer.pad_token_id, dialogues.rng
    while True:
        # What is hard is which answer to give: most answers are cut after that is decided, so that more questions fit in a minute.
        pool = [encode(tokenizer, dialogues.next(), None if rng.random() < whole else rng.randint(3, 8)) for _ in range(4096)]
        pool.sort(key=lambda item: len(item[0]))
        groups, group = [], []
        for item in pool:
            if group and len(item[0]) * (len(group) + 1) > tokens_per_batch:
                groups.append(group)
                group = []
            group.append(item)
        rng.shuffle(groups)
        for group in groups:
            width = max(len(ids) for ids, _ in group)
            ids = torch.tensor([[*ids, *[pad] * (width - len(ids))] for ids, _ in group])
            labels = torch.tensor([[*labels, *[-100] * (width - len(labels))] for _, labels in group])
            yield ids, labels


def loss_of(model, ids, labels):
    # The head is the widest product here, and most positions teach nothing: run it only where a label is.
    hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
    wanted = labels[:, 1:]
    mask = wanted != -100
    return torch.nn.functional.cross_entropy(model.lm_head(hidden[mask]).float(), wanted[mask])


@torch.no_grad()
def snap(model):
    """Rounds every matrix to its q8 grid (blocks of 32 along the input, f16 scale) and every norm to f16, in place."""
    for name, weight in model.named_parameters():
        if weight.ndim == 1:
            weight.copy_(weight.half().float())
            continue
        # A packer takes absmax / 127 of what it reads. Where a scale is tiny its f16 rounding is coarse, and one pass may leave
        # a block whose scale would come out otherwise: repeat until packing changes nothing.
        for _ in range(32):
            before = weight.clone()
            blocks = weight.view(-1, 32)
            scale = (blocks.abs().amax(1, keepdim=True) / 127).half().float()
            quants = torch.where(scale > 0, (blocks / scale.clamp_min(1e-12)).round().clamp(-127, 127), 0)
            weight.copy_((quants * scale).view_as(weight))
            if torch.equal(before, weight):
                break
        else:
            raise ValueError(f"{name}: packing would not be lossless")


def copy_tokenizer(source, folder):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((source / name).read_bytes())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--peak", type=float, default=3e-3)
    parser.add_argument("--tokens", type=int, default=3072, help="tokens in a batch")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--warmup", type=int, default=150, help="steps until the peak rate")
    parser.add_argument("--steps", type=int, default=0, help="a fixed number of steps, for an exact repeat; else by time")
    parser.add_argument("--whole", type=float, default=0.25, help="share of dialogues whose last answer is not cut")
    parser.add_argument("--resume", type=Path, help="a checkpoint to go on from, with its tokenizer")
    parser.add_argument("--seed", type=int, default=SEED + 1, help="of the dialogues that are drawn")
    parser.add_argument("--out", type=Path, default=HERE / "checkpoint")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.resume:
        args.out.mkdir(parents=True, exist_ok=True)
        copy_tokenizer(args.resume, args.out)
    else:
        make_tokenizer(args.out)
    tokenizer = AutoTokenizer.from_pretrained(args.out)
    model = make_model(tokenizer)
    if args.resume:
        model.load_state_dict(Qwen3ForCausalLM.from_pretrained(args.resume, dtype=torch.float32).state_dict())
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters", flush=True)
    decay = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}], lr=args.peak, betas=(0.9, 0.98))
    started, step, running, seen = time.monotonic(), 0, None, 0
    model.train()
    for ids, labels in batches(tokenizer, Dialogues(args.seed), args.tokens, args.whole):
        done = step / args.steps if args.steps else (time.monotonic() - started) / 60 / args.minutes
        if done >= 1:
            break
        rate = args.peak * min(1, (step + 1) / args.warmup) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = loss_of(model, ids, labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        seen += ids.numel()
        running = loss.item() if running is None else 0.97 * running + 0.03 * loss.item()
        if step % 50 == 0:
            spent = time.monotonic() - started
            print(f"step {step} loss {running:.4f} rate {rate:.5f} {seen / spent:.0f} tokens/s {spent / 60:.1f} min", flush=True)
        if step % 400 == 0:
            model.save_pretrained(args.out)
    model.eval()
    snap(model)
    model.save_pretrained(args.out)
    print(f"done: {step} steps, {seen:,} tokens, {(time.monotonic() - started) / 60:.1f} min, loss {running:.4f}", flush=True)


if __name__ == "__main__":
    main()
