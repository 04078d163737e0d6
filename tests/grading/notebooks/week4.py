"""Week 4: slices, calibration, confusion, bootstrap."""
# ruff: noqa: E501, ISC004 - a student's cells, as typed

CELLS = [
    ("md", "# Week 4 homework\n\n## Slices"),
    (
        "code",
        """
Le, Ld = simulate(3.0, 1.4, 11, 1.4), simulate(3.05, 1.9, 12, 1.7)
enc, dec = score(Le), score(Ld)
g = np.random.default_rng(9)
axes = {"char_length": ["q1_shortest", "q2", "q3", "q4_longest"], "redaction": ["clean", "redacted"], "tok_length": ["1-30", "31-80", "81-127", "truncated_128"], "opener_I": ["other_opener", "starts_I"]}
rows = []
for axis, values in axes.items():
    part = g.integers(0, len(values), N)
    for i, v in enumerate(values):
        m = part == i
        e, d = per_class_f1(y[m], enc["pred"][m]).mean(), per_class_f1(y[m], dec["pred"][m]).mean()
        rows.append({"axis": axis, "slice": v, "n": int(m.sum()), "encoder_f1": e, "decoder_f1": d, "diff": d - e})
slices = pd.DataFrame(rows).round(3)
slices
""",
    ),
    (
        "code",
        """
rank = slices.groupby("axis")["diff"].apply(lambda d: d.abs().max()).sort_values(ascending=False)
print(f"Signal axis: {rank.index[0]}"); print(f"Null axis: {rank.index[-1]}")
""",
    ),
    ("md", "## Calibration"),
    (
        "code",
        """
def fit_T(logits, y):
    grid = np.linspace(.5, 4, 71); return grid[np.argmin([nll(logits / t, y) for t in grid])]
half = np.random.RandomState(1041).permutation(N); cal, ev = half[:3215], half[3215:]
cal_rows = []
for m, L in (("Encoder", Le), ("Decoder", Ld)):
    T = fit_T(L[cal], y[cal])
    cal_rows.append({"model": m, "ece_pre": ece(L[ev], y[ev]), "T": T, "ece_post": ece(L[ev] / T, y[ev]),
                     "macro_f1_pre": per_class_f1(y[ev], L[ev].argmax(1)).mean(), "macro_f1_post": per_class_f1(y[ev], (L[ev] / T).argmax(1)).mean()})
cal_table = pd.DataFrame(cal_rows)
print(cal_table.round(4).to_string(index=False))
print("Better calibrated before scaling: encoder; after scaling: decoder")
""",
    ),
    ("md", "## Tail errors"),
    (
        "code",
        """
wrong = (tier[y] == "tail") & (enc["pred"] != y); dest = tier[enc["pred"][wrong]]
shares = [(dest == t).mean() for t in ("head", "mid", "tail")]
print(f"Encoder tail errors: head {shares[0]:.1%}, mid {shares[1]:.1%}, tail {shares[2]:.1%}")
support = np.bincount(y, minlength=K)
ok = np.where(support >= 5)[0]; worst = ok[np.argsort(enc["f1"][ok])[:3]]
cm = np.zeros((K, K), int); np.add.at(cm, (y, enc["pred"]), 1); np.fill_diagonal(cm, 0)
pd.DataFrame([{"worst class": names[c], "confused with": names[cm[c].argmax()], "count": cm[c].max(), "f1": round(enc["f1"][c], 3)} for c in worst])
""",
    ),
    ("md", "## Bootstrap"),
    (
        "code",
        """
r = np.random.RandomState(49); diffs = []
for _ in range(60):
    i = r.randint(0, N, N); diffs.append(per_class_f1(y[i], dec["pred"][i]).mean() - per_class_f1(y[i], enc["pred"][i]).mean())
lo, hi = np.percentile(diffs, [2.5, 97.5]); share = np.mean(np.array(diffs) > 0)
print(f"95% CI of the difference (decoder - encoder): [{lo:+.4f}, {hi:+.4f}]")
print(f"Share of resamples > 0: {share:.1%}")
print(f"CI excludes zero: {lo > 0 or hi < 0} (margin {min(abs(lo), abs(hi)):.4f})")
few = int((support <= 4).sum())
print(f"Classes with n <= 4: {few}")
plt.figure(); plt.hist(support, 50); plt.title("Validation rows per class"); plt.show()
""",
    ),
    (
        "md",
        "# Memo\n\n## 1. Slice Analysis\n\nLength matters.\n\n## 2. Calibration\n\nI would gate on the encoder.\n\n## 3. Confusion-Matrix Insight\n\n"
        "The pair “Advertising” → “Advertising and marketing” is suspect: a leftover of the label pipeline (merge).\n\n## 4. Is the gap real?\n\nThe interval covers data noise only."
        "\n\n## 5. Confidence in the Week 3 Recommendation\n\n> In week 3 I recommended: deploy the encoder for the nightly batch.\n\n**Direction:** up\n\n"
        "The calibration (section 2) and the bootstrap (section 4) support it.",
    ),
]
TRUTH = """
{"w4.s1.e1": [12.0], "w4.s1.e2": slices[["encoder_f1", "decoder_f1"]].to_numpy().ravel().tolist(), "w4.s1.e3": slices["n"].tolist(), "w4.s1.e4": slices["diff"].tolist(),
 "w4.s1.e5": [rank.index[0]], "w4.s1.e6": [rank.index[-1]], "w4.s2.e1": [c["ece_pre"] for c in cal_rows], "w4.s2.e2": [c["ece_post"] for c in cal_rows],
 "w4.s2.e3": [c["T"] for c in cal_rows], "w4.s2.e4": [c[k] for c in cal_rows for k in ("macro_f1_pre", "macro_f1_post")], "w4.s2.e5": None,
 "w4.s3.e1": shares, "w4.s3.e2": [cm[c].max() for c in worst], "w4.s3.e3": None, "w4.s4.e1": [lo, hi], "w4.s4.e2": [share], "w4.s4.e3": [few], "w4.s4.e4": None,
 "w4.s5.e1": None, "w4.s5.e2": None, "w4.s5.e3": ["up"]}
"""
