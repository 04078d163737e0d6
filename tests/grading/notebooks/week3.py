"""Week 3: LoRA on encoder and decoder."""
# ruff: noqa: E501, ISC004 - a student's cells, as typed

CELLS = [
    ("md", "# Week 3: encoder vs decoder"),
    (
        "code",
        """
enc, dec, decw = score(simulate(3.0, 1.4, 11)), score(simulate(3.05, 1.9, 12)), score(simulate(2.9, 2.0, 13))
print("=== Encoder LoRA ===")
print(f"Accuracy: {enc['accuracy']:.4f}")
print(f"Macro F1: {enc['macro_f1']:.4f}")
print(f"Zero-F1 classes: {enc['zero']}")
print("trainable params: 3,466,097 || all params: 153,157,858 || trainable%: 2.2631%")
print("=== Decoder LoRA ===")
print(f"Accuracy: {dec['accuracy']:.4f}")
print(f"Macro F1: {dec['macro_f1']:.4f}")
print(f"Zero-F1 classes: {dec['zero']}")
print("trainable params: 2,263,936 || all params: 496,397,952 || trainable%: 0.4561%")
""",
    ),
    (
        "code",
        """
full = 0.2085
pd.DataFrame([{"model": "ModernBERT full FT (week 1)", "macro_f1": full}, {"model": "ModernBERT LoRA", "macro_f1": enc["macro_f1"]}]).round(4)
""",
    ),
    ("md", "## Class weighting on the decoder"),
    (
        "code",
        """
pd.DataFrame({"vanilla": {"accuracy": dec["accuracy"], "macro_f1": dec["macro_f1"], "zero_f1_classes": dec["zero"]},
              "weighted": {"accuracy": decw["accuracy"], "macro_f1": decw["macro_f1"], "zero_f1_classes": decw["zero"]}}).round(4)
""",
    ),
    (
        "code",
        """
dd = decw["macro_f1"] - dec["macro_f1"]
print(f"Decoder weighting delta macro F1: {dd:+.4f}")
print(f"Encoder weighting delta macro F1 (week 2): {0.0170:+.4f}")
""",
    ),
    ("md", "## Rare vs common"),
    (
        "code",
        """
rare = counts <= np.sort(counts)[28]
rc = pd.DataFrame([{"model": m, "rare_mean_f1": r["f1"][rare].mean(), "common_mean_f1": r["f1"][~rare].mean(),
                    "rare_zero": int((r["f1"][rare] == 0).sum()), "common_zero": int((r["f1"][~rare] == 0).sum())} for m, r in (("encoder", enc), ("decoder", dec))])
rc.round(3)
""",
    ),
    (
        "code",
        'plt.figure(); plt.scatter(enc["f1"], dec["f1"]); plt.title("Per-class F1: encoder vs decoder"); plt.show()',
    ),
    (
        "code",
        """
for m, r in (("Encoder", enc), ("Decoder", dec)):
    print(f"{m}: whole rare tier at zero: {'yes' if (r['f1'][rare] == 0).all() else 'no'}")
""",
    ),
    ("md", "## Latency"),
    (
        "code",
        """
lat = {"encoder": (21.4, 2.31, 432.9, 2.46), "decoder": (53.2, 8.33, 120.0, 8.89)}
for m, (single, batch, tput, t64) in lat.items():
    print(f"{m:8s} single: {single:.1f} ms | batched: {batch:.2f} ms/example | throughput: {tput:.1f} ex/s | 64K time: {t64:.2f} min")
print(f"Decoder/encoder ratio (batched): {8.33 / 2.31:.2f}x")
""",
    ),
    (
        "md",
        "# Memo\n\n## 1. The LoRA comparison: encoder vs decoder\n\nThe decoder wins on the tail.\n\n## 2. Class weighting on the decoder\n\nIt did not transfer."
        "\n\n## 3. Per-class analysis\n\nRare classes carry it.\n\n## 4. Latency and the deployment question\n\n**Context:** a nightly batch of 64,000 complaints.\n\nI would deploy the encoder."
        "\n\n## 5. What you'd do differently\n\n**Hypothesis:** rare classes lack examples.\n\n**Prediction:** oversampling lifts rare F1 by .03.\n\n"
        "The bottleneck is the rare tier: rare mean F1 is 0.02 for me.",
    ),
]
TRUTH = """
{"w3.s1.e1": [enc["accuracy"], enc["macro_f1"], enc["zero"], dec["accuracy"], dec["macro_f1"], dec["zero"]], "w3.s1.e2": [0.022631, 0.004561],
 "w3.s1.e3": [enc["macro_f1"], full], "w3.s2.e1": [decw["accuracy"], decw["macro_f1"], decw["zero"], dec["accuracy"], dec["macro_f1"], dec["zero"]],
 "w3.s2.e2": [dd, 0.0170], "w3.s3.e1": [v for r in (enc, dec) for v in (r["f1"][rare].mean(), r["f1"][~rare].mean())],
 "w3.s3.e2": [v for r in (enc, dec) for v in ((r["f1"][rare] == 0).sum(), (r["f1"][~rare] == 0).sum())], "w3.s3.e3": [], "w3.s3.e4": None,
 "w3.s4.e1": [21.4, 53.2], "w3.s4.e2": [432.9, 2.46, 120.0, 8.89], "w3.s4.e3": None, "w3.s5.e1": None, "w3.s5.e2": None}
"""
