"""Asks a checkpoint the held-out questions and prints how many answers hold their keywords.

train.py never trains on a held-out question: a drawn question that equals one, letter case and
punctuation aside, is drawn again.
"""

import argparse
import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from train import HERE


def answer(model, tokenizer, messages, most=96):
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    ids = torch.tensor([tokenizer.encode(text, add_special_tokens=False)])
    with torch.no_grad():
        out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=most, do_sample=False)
    return tokenizer.decode(out[0, ids.shape[1]:], skip_special_tokens=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--checkpoint", type=Path, default=HERE / "checkpoint")
    parser.add_argument("--verbose", action="store_true", help="print every answer")
    args = parser.parse_args()
    torch.set_num_threads(1)
    held_out = [json.loads(line) for line in (HERE / "data" / "held-out.jsonl").read_text().splitlines()]
    tokenizer = AutoTokenizer.from_pretrained(args.checkpoint)
    model = AutoModelForCausalLM.from_pretrained(args.checkpoint, dtype=torch.float32).eval()
    score = {}
    for item in held_out:
        text = answer(model, tokenizer, [{"role": "user", "content": item["question"]}])
        kind = f"{'off' if item['topic'] == 'off-topic' else 'on'} topic, batch {item['batch']}"
        good = all(word in text.lower() for word in item["keywords"])
        passed, asked = score.get(kind, (0, 0))
        score[kind] = (passed + good, asked + 1)
        if args.verbose or not good:
            print(f"{'pass' if good else 'FAIL'} [{item['topic']}] {item['question']}\n     {text}")
    print("; ".join(f"{kind}: {passed}/{asked}" for kind, (passed, asked) in score.items()))


if __name__ == "__main__":
    main()
