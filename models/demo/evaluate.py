"""Asks a checkpoint the held-out questions and prints how many answers hold their keywords.

Also proves that no held-out question is in the training data: each is looked up among half a
million generated ones, letter case and punctuation aside.
"""

import argparse
import json
import re
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from train import HERE, Dialogues


def plain(text):
    return re.sub(r"[^a-z0-9 ]", "", text.lower()).strip()


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
    parser.add_argument("--leaks", type=int, default=0, help="look for held-out questions among this many training questions")
    args = parser.parse_args()
    torch.set_num_threads(1)
    held_out = [json.loads(line) for line in (HERE / "data" / "held-out.jsonl").read_text().splitlines()]
    if args.leaks:
        wanted = {plain(item["question"]) for item in held_out}
        dialogues = Dialogues(99)
        seen = {plain(dialogues.pair()[1]) for _ in range(args.leaks)}
        print(f"held-out questions found among {args.leaks:,} training questions: {sorted(wanted & seen)}")
    tokenizer = AutoTokenizer.from_pretrained(args.checkpoint)
    model = AutoModelForCausalLM.from_pretrained(args.checkpoint, dtype=torch.float32).eval()
    passed, asked = {True: 0, False: 0}, {True: 0, False: 0}
    for item in held_out:
        text = answer(model, tokenizer, [{"role": "user", "content": item["question"]}])
        on_topic = item["topic"] != "off-topic"
        good = all(word in text.lower() for word in item["keywords"])
        asked[on_topic] += 1
        passed[on_topic] += good
        if args.verbose or not good:
            print(f"{'pass' if good else 'FAIL'} [{item['topic']}] {item['question']}\n     {text}")
    print(f"on topic: {passed[True]}/{asked[True]}, off topic: {passed[False]}/{asked[False]}")


if __name__ == "__main__":
    main()
