"""Week 2: controlled experiments, class weights, batch size, errors."""
# ruff: noqa: E501, ISC004 - a student's cells, as typed

CELLS = [
    ("md", "# Week 2 homework: controlled improvement"),
    ("md", "## Experiments"),
    (
        "code",
        """
runs = {"Delta (unweighted, bs 32)": (2.9, 1.2, 7), "Exp 1: sqrt-inverse class weights, bs 32": (2.6, 1.9, 8),
        "Exp 2: batch size 16": (2.65, 1.9, 9), "Exp 3: seed 123": (2.6, 1.9, 10)}
res = {name: score(simulate(*args)) for name, args in runs.items()}
table = pd.DataFrame([{"name": n, "variable_changed": v, "held_constant": "lr 2e-5, 3 epochs, full data", "accuracy": r["accuracy"],
                       "macro_f1": r["macro_f1"], "zero_f1_classes": r["zero"]}
                      for (n, r), v in zip(res.items(), ("-", "loss weights", "batch_size", "seed"))])
table.round(4)
""",
    ),
    ("code", 'print("Config diff Exp 1 -> Exp 2: batch_size: 32 -> 16 (1 key differs)")'),
    (
        "code",
        """
un, w, bs16, seed = res.values()
print("Class weighting")
print(f"Unweighted: accuracy {un['accuracy']:.4f}, macro F1 {un['macro_f1']:.4f}, zero-F1 {un['zero']}")
print(f"Weighted: accuracy {w['accuracy']:.4f}, macro F1 {w['macro_f1']:.4f}, zero-F1 {w['zero']}")
rescued = int(((un["f1"] == 0) & (w["f1"] > 0)).sum()); lost = int(((un["f1"] > 0) & (w["f1"] == 0)).sum())
print(f"Rescued: {rescued}, newly lost: {lost}")
weights = np.sqrt(counts.max() / counts); weights = weights / weights.mean()
print(f"Min weight: {weights.min():.2f}")
print(f"Max weight: {weights.max():.2f}")
""",
    ),
    (
        "code",
        """
d_bs = bs16["macro_f1"] - w["macro_f1"]; d_seed = seed["macro_f1"] - w["macro_f1"]
print(f"Batch size 32: accuracy = {w['accuracy']:.4f}, macro F1 = {w['macro_f1']:.4f}")
print(f"Batch size 16: accuracy = {bs16['accuracy']:.4f}, macro F1 = {bs16['macro_f1']:.4f}")
print(f"Seed delta (macro F1): {d_seed:+.4f}")
print(f"|delta bs| / |delta seed| ratio: {abs(d_bs / d_seed):.2f}")
print("Steps per epoch: 1,808 (bs 32), 3,616 (bs 16)")
""",
    ),
    (
        "code",
        """
f1 = w["f1"]
tiers = pd.DataFrame([{"tier": t, "n_classes": int((tier == t).sum()), "mean_f1": f1[tier == t].mean(), "zero_f1": int((f1[tier == t] == 0).sum())} for t in ("head", "mid", "tail")])
print(tiers.to_string(index=False))
wrong = (tier[y] == "tail") & (w["pred"] != y); dest = tier[w["pred"][wrong]]
shares = [(dest == t).mean() for t in ("head", "mid", "tail")]
print()
print("Tail errors by destination:")
print(f"  head: {shares[0]:.1%}")
print(f"  mid: {shares[1]:.1%}")
print(f"  other tail: {shares[2]:.1%}")
""",
    ),
    (
        "code",
        """
cm = np.zeros((K, K), int); np.add.at(cm, (y, w["pred"]), 1); np.fill_diagonal(cm, 0)
top = np.argsort(cm, axis=None)[::-1][:5]
pairs = pd.DataFrame([{"true": names[i // K], "predicted": names[i % K], "count": cm.flat[i]} for i in top])
pairs
""",
    ),
    (
        "code",
        """
z = np.sort(simulate(2.6, 1.9, 8), 1); margin = z[:, -1] - z[:, -2]
bad = np.where(w["pred"] != y)[0]; hard = bad[np.argsort(-margin[bad])][:10]
pd.DataFrame({"true": [names[y[i]] for i in hard], "pred": [names[w["pred"][i]] for i in hard], "margin": margin[hard].round(3)})
""",
    ),
    (
        "code",
        """
support = np.bincount(y, minlength=K)
plt.figure(); plt.hist(support, 50); plt.title("Val support per class"); plt.show()
one, five = int((support == 1).sum()), int((support <= 5).sum())
print(f"Classes with exactly 1 val example: {one}")
print(f"Classes with <= 5 val examples: {five}")
floor = abs(d_seed)
print(f"Noise floor (macro F1): {floor:.4f}")
d_w = w["macro_f1"] - un["macro_f1"]
pd.DataFrame([{"experiment": n, "delta_macro_f1": round(d, 4), "vs noise floor": "above" if abs(d) > floor else "below"}
              for n, d in (("weights", d_w), ("batch size", d_bs), ("seed", d_seed))])
""",
    ),
    (
        "md",
        "# Memo\n\n## 1. What you tried and what happened\n\n**Prediction:** weights lift macro F1 by 1 point.\n\n**Conclusion:** they did, at a cost in accuracy."
        "\n\n## 2. Class Weighting\n\nWeights moved probability from head to tail.\n\n## 3. Batch Size\n\nNot distinguishable from the seed."
        "\n\n## 4. Error Analysis\n\nTail texts go to the head.\n\n## 5. Val Set Reliability\n\nSparse classes make macro F1 jump.",
    ),
]
TRUTH = """
{"w2.s1.e1": [4.0], "w2.s1.e2": None, "w2.s1.e3": [round(v, 4) for r in res.values() for v in (r["accuracy"], r["macro_f1"], r["zero"])], "w2.s1.e4": None,
 "w2.s2.e1": [w["accuracy"], w["macro_f1"], un["accuracy"], un["macro_f1"]], "w2.s2.e2": [rescued, lost],
 "w2.s2.e3": [weights.min(), weights.max()], "w2.s3.e1": [bs16["accuracy"], bs16["macro_f1"], w["accuracy"], w["macro_f1"]],
 "w2.s3.e2": [d_seed], "w2.s3.e3": [abs(d_bs / d_seed)], "w2.s3.e4": [1808], "w2.s4.e1": [f1[tier == t].mean() for t in ("head", "mid", "tail")],
 "w2.s4.e2": shares, "w2.s4.e3": cm.flat[top].tolist(), "w2.s4.e4": margin[hard].tolist(), "w2.s5.e1": [], "w2.s5.e2": [one, five],
 "w2.s5.e3": [floor], "w2.s5.e4": [d_w, d_bs, d_seed]}
"""
