"""Week 1: audit, TF-IDF baseline, a first fine-tune."""
# ruff: noqa: E501, ISC004 - a student's cells, as typed

CELLS = [
    ("md", "# Week 1 homework\n\nModernBERT on consumer complaints."),
    ("md", "## Part 1. The data"),
    (
        "code",
        """
words = np.random.default_rng(1).lognormal(3.95, .8, 57846).astype(int)
print(f"Number of classes: {K}")
print(f"Largest class share: {prior[0]:.2%}")
rare = (prior < 0.001).sum()
print(f"Classes below 0.1%: {rare}")
print(f"Redaction rate: {0.6351:.1%}")
print(f"Median length: {np.median(words):.0f} words, p90: {np.percentile(words, 90):.0f} words")
print(f"Share within 128 tokens: {(words < 97).mean():.1%}")
""",
    ),
    (
        "code",
        'plt.figure(); plt.bar(range(K), np.sort(counts)[::-1]); plt.title("Long-tail: training rows per class"); plt.show()',
    ),
    ("md", "## Part 2. TF-IDF baseline"),
    (
        "code",
        """
base = score(simulate(2.0, 0.2, 3))
majority = (y == 0).mean()
print("TF-IDF + LogReg on validation:")
print(f"  Accuracy:  {base['accuracy']:.4f}")
print(f"  Macro F1:  {base['macro_f1']:.4f}")
print(f"  Zero-F1 classes: {base['zero']}/{K}")
print(f"Majority-class accuracy: {majority:.4f}")
""",
    ),
    ("code", 'plt.figure(); plt.bar(range(K), base["f1"]); plt.title("Per-class F1 of the baseline"); plt.show()'),
    ("md", "## Part 3. Fine-tuning ModernBERT"),
    (
        "code",
        """
epochs = [score(simulate(s, t, 5)) for s, t in ((2.0, .5), (2.5, 1.0), (3.0, 1.6))]
log = pd.DataFrame([{"epoch": i + 1, "train_loss": l, "val_accuracy": e["accuracy"], "val_macro_f1": e["macro_f1"]}
                    for i, (e, l) in enumerate(zip(epochs, (2.2586, 1.5382, 1.1814)))])
log.round(4)
""",
    ),
    (
        "code",
        """
ft = epochs[-1]
print(f"Fine-tuned accuracy: {ft['accuracy']:.4f} | macro F1: {ft['macro_f1']:.4f}")
print("Best checkpoint: epoch 3 (highest val macro F1)")
gain = ft["macro_f1"] - base["macro_f1"]
print(f"Delta macro F1 vs TF-IDF: {gain:+.4f}")
rescued = int(((base["f1"] == 0) & (ft["f1"] > 0)).sum())
print(f"Rescued classes: {rescued}")
plt.figure(); plt.plot([4.7, 2.2, 1.5, 1.2]); plt.title("Training loss"); plt.show()
""",
    ),
    ("md", "## Part 4. Log"),
    (
        "code",
        """
results = pd.DataFrame([
    {"model": "TF-IDF + LogReg", "accuracy": base["accuracy"], "macro_f1": base["macro_f1"], "zero_f1_classes": base["zero"], "seed": 42, "notes": "C=1.0"},
    {"model": "ModernBERT full FT", "accuracy": ft["accuracy"], "macro_f1": ft["macro_f1"], "zero_f1_classes": ft["zero"], "seed": 42, "notes": "lr=2e-5, bs=32, max_len=128, 3 epochs"},
])
results
""",
    ),
    (
        "md",
        "# Memo\n\n## Section 1: Data Audit\n\nThe tail dominates the class list, so macro F1 will be decided by it.",
    ),
    (
        "md",
        "## Section 2: Baseline Results and Interpretation\n\nAccuracy looks fine because the head is easy; the tail is never predicted.",
    ),
    ("md", "## 3. Fine-tuning results\n\nThe third epoch still improved macro F1, so I keep it."),
    ("md", "## 4) Experiment log\n\nBoth runs are in the table above; nothing is missing."),
    (
        "md",
        "## Risks and Open Questions\n\n1. **Risk:** 17 classes have a single validation row, so their F1 jumps between 0 and 1.\n"
        "2. **Open question:** about 64 % of texts are redacted; does the model read the redaction itself?",
    ),
]
TRUTH = """
{"w1.s1.e1": [K], "w1.s1.e2": [prior[0]], "w1.s1.e3": [int(rare)], "w1.s1.e4": [0.6351],
 "w1.s1.e5": [np.median(words), np.percentile(words, 90), (words < 97).mean()], "w1.s1.e6": [],
 "w1.s2.e1": [base["accuracy"]], "w1.s2.e2": [base["macro_f1"]], "w1.s2.e3": [base["zero"], K], "w1.s2.e4": [majority], "w1.s2.e5": [],
 "w1.s3.e1": [ft["accuracy"]], "w1.s3.e2": [ft["macro_f1"]], "w1.s3.e3": [],
 "w1.s3.e4": [v for e in epochs for v in (e["accuracy"], e["macro_f1"])], "w1.s3.e5": None, "w1.s3.e6": [gain], "w1.s3.e7": [rescued],
 "w1.s4.e1": [v for e in (base, ft) for v in (e["accuracy"], e["macro_f1"])],
 "w1.s4.e2": [v for e in (base, ft) for v in (e["accuracy"], e["macro_f1"], e["zero"])], "w1.s4.e3": [42, 42], "w1.s5.e1": None, "w1.s5.e2": None}
"""
