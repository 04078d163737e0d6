"""The cell every notebook starts with: 113 classes with a long tail, simulated logits, the course's metrics."""

SETUP = """
import numpy as np, pandas as pd, matplotlib.pyplot as plt
K, N = 113, 6430
rng = np.random.default_rng(42)
counts = np.maximum(4, (13333 * np.exp(-np.arange(K) / 14)).astype(int))
prior = counts / counts.sum()
y = np.concatenate([np.arange(K), rng.choice(K, N - K, p=prior)])
tier = np.where(np.arange(K) < 20, "head", np.where(np.arange(K) < 60, "mid", "tail"))
names = [f"Issue number {i:03d}" for i in range(K)]

def simulate(skill, tail_skill, seed, scale=1.0):
    g = np.random.default_rng(seed)
    logits = g.normal(size=(N, K)) + 0.9 * np.log(prior)
    logits[np.arange(N), y] += np.where(y < 60, skill, tail_skill) + g.normal(size=N)
    return logits * scale

def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True)); return e / e.sum(1, keepdims=True)

def per_class_f1(y, p):
    tp = np.bincount(y[y == p], minlength=K); denom = np.bincount(y, minlength=K) + np.bincount(p, minlength=K)
    return np.where(denom > 0, 2 * tp / np.maximum(denom, 1), 0.0)

def score(logits):
    p = logits.argmax(1); f1 = per_class_f1(y, p)
    return {"accuracy": (p == y).mean(), "macro_f1": f1.mean(), "zero": int((f1 == 0).sum()), "f1": f1, "pred": p}

def ece(logits, y, bins=15):
    p = softmax(logits); conf, hit = p.max(1), p.argmax(1) == y
    b = np.clip(np.digitize(conf, np.linspace(0, 1, bins + 1)) - 1, 0, bins - 1)
    return sum((b == i).mean() * abs(conf[b == i].mean() - hit[b == i].mean()) for i in range(bins) if (b == i).any())

def nll(logits, y):
    return -np.log(np.clip(softmax(logits)[np.arange(len(y)), y], 1e-12, 1)).mean()
"""
