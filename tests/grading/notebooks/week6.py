"""Week 6: distillation and the deployment decision."""
# ruff: noqa: E501, ISC004 - a student's cells, as typed

CELLS = [
    ("md", "# Week 6: distillation"),
    (
        "code",
        """
LT, LV, LD = simulate(3.6, 2.6, 21, 1.0), simulate(3.0, 1.4, 22, 1.8), simulate(3.15, 1.5, 23, 1.3)
models = {"teacher": LT, "vanilla": LV, "distilled": LD}; pred = {m: x.argmax(1) for m, x in models.items()}
def masked_f1(p, t):
    k = tier[y] == t; return per_class_f1(y[k], p[k])[tier == t].mean()
r = np.random.RandomState(42); f1_rows = []
for t in ("head", "mid", "tail"):
    k = np.where(tier[y] == t)[0]; boots = []
    for _ in range(60):
        i = r.choice(k, len(k)); f = lambda p: per_class_f1(y[i], p[i])[tier == t].mean(); boots.append(f(pred["distilled"]) - f(pred["vanilla"]))
    lo, hi = np.quantile(boots, [.025, .975])
    f1_rows.append({"tier": t, "delta_f1": masked_f1(pred["distilled"], t) - masked_f1(pred["vanilla"], t), "ci_low": lo, "ci_high": hi})
pd.DataFrame(f1_rows).round(4)
""",
    ),
    (
        "code",
        """
def js(a, b):
    m = (a + b) / 2; return (.5 * (a * np.log(np.clip(a, 1e-12, 1) / m)).sum(1) + .5 * (b * np.log(np.clip(b, 1e-12, 1) / m)).sum(1)).mean()
t_rows = []
for t in ("head", "mid", "tail"):
    k = tier[y] == t
    t_rows.append({"tier": t, "vanilla_ece": ece(LV[k], y[k]), "distilled_ece": ece(LD[k], y[k]), "delta_ece": ece(LD[k], y[k]) - ece(LV[k], y[k]),
                   "js_vanilla": js(softmax(LV[k]), softmax(LT[k])), "js_distilled": js(softmax(LD[k]), softmax(LT[k]))})
pd.DataFrame(t_rows).round(4)
""",
    ),
    (
        "code",
        """
T = 1.4; ev = np.random.RandomState(1041).permutation(N)[3215:]
frac_ece = (ece(LV[ev], y[ev]) - ece(LV[ev] / T, y[ev])) / (ece(LV[ev], y[ev]) - ece(LD[ev], y[ev]))
frac_nll = (nll(LV[ev], y[ev]) - nll(LV[ev] / T, y[ev])) / (nll(LV[ev], y[ev]) - nll(LD[ev], y[ev]))
print(f"Fraction of ECE gain from T-scaling alone: {frac_ece:.1%}")
print(f"Fraction of NLL gain from T-scaling alone: {frac_nll:.1%}")
tails = {m: masked_f1(p, "tail") for m, p in pred.items()}
for m, v in tails.items():
    print(f"Tail F1, {m}: {v:.4f}")
""",
    ),
    ("md", "## What stayed broken"),
    (
        "code",
        'print("Data shift: +0.055"); print("KD lift: +0.015"); print("Teacher scale effect: +0.014, 95% CI [-0.008, +0.045]")',
    ),
    ("md", "## Grid"),
    (
        "code",
        """
grid = []
for Td in (1, 4, 8):
    for a in (.7, .9):
        x = simulate(3.1 + .02 * Td, 1.5, 30 + Td, 1.3 + a / 3); p = x.argmax(1)
        grid.append({"T_d": Td, "alpha": a, "macro_f1": per_class_f1(y, p).mean(), "ECE": ece(x, y), "NLL": nll(x, y), **{f"{t}_f1": masked_f1(p, t) for t in ("head", "mid", "tail")}})
grid = pd.DataFrame(grid).round(4)
c = f1_rows[2]; width = c["ci_high"] - c["ci_low"]
grid["tail verdict"] = ["inside CI"] * 6
grid
""",
    ),
    (
        "code",
        """
print(f"Tail CI: [{c['ci_low']:+.4f}, {c['ci_high']:+.4f}]")
print(f"CI width (tail): {width:.4f}")
print("Default (T_d 4, alpha 0.7) ranks: #3 macro F1, #5 ECE, #1 NLL")
""",
    ),
    ("md", "## Gate"),
    (
        "code",
        """
at = {}
for m in ("vanilla", "distilled"):
    cv = softmax(models[m]).max(1) >= .7; at[m] = (pred[m] == y)[cv].mean()
    print(f"{m} accuracy @ 0.70: {at[m]:.4f}")
print("Lowest threshold with accuracy >= 0.95: none")
final = pd.DataFrame([{"model": m, "macro_f1": per_class_f1(y, pred[m]).mean(), "tail_f1": tails[m], "ECE": ece(models[m], y), "NLL": nll(models[m], y), "JS": js(softmax(models[m]), softmax(LT))}
                      for m in ("vanilla", "distilled")]).round(4)
final
""",
    ),
    (
        "code",
        'pd.DataFrame([{"metric": "macro F1", "winner": "distilled"}, {"metric": "ECE", "winner": "vanilla + T"}, {"metric": "NLL", "winner": "distilled"}])',
    ),
    (
        "md",
        "# Memo\n\n## 1. What Did Distillation Transfer?\n\nDistributional structure.\n\n## 2. What Didn't It Fix?\n\nThe tail. "
        "A measurement that could prove me wrong: double the tail rows and retrain.\n\n## 3. Hyperparameters and the Noise Floor\n\nF1 barely moves."
        "\n\n## 4. Three Compressions, Three Lessons\n\nLabel compression (week 1: 153 to 113 classes), weight compression (week 5: int8 at 5.80 ms) and knowledge compression (week 6: ECE .055). "
        "**Pair:** weights and knowledge."
        "\n\n## 5. Defend the Deployment\n\n**Scenario:** B, regulated escalation review. **Primary metric:** ECE. **Secondary metric:** NLL.\n\n**Recipe:** distilled.\n\n"
        "**Flip constraint:** latency. **Threshold:** 5 ms. **Alternative:** vanilla + T.\n\nWildcard: Stanton et al. (2021) predict low fidelity.\n\n"
        "Quantisation carry-over: int4 kept ECE at .039 in week 5.",
    ),
]
TRUTH = """
{"w6.s1.e1": [v for r in f1_rows for v in (r["delta_f1"], r["ci_low"], r["ci_high"])], "w6.s1.e2": [r["delta_ece"] for r in t_rows],
 "w6.s1.e3": [v for r in t_rows for v in (r["js_vanilla"], r["js_distilled"])], "w6.s1.e4": [frac_ece], "w6.s1.e5": [frac_nll], "w6.s1.e6": [tails["teacher"]],
 "w6.s2.e1": [tails["vanilla"], tails["distilled"], tails["teacher"]], "w6.s2.e2": [.055, .015], "w6.s2.e3": [-.008, .045], "w6.s2.e4": None,
 "w6.s3.e1": grid[["macro_f1", "ECE", "NLL", "head_f1", "mid_f1", "tail_f1"]].to_numpy().ravel().tolist(), "w6.s3.e2": [c["ci_low"], c["ci_high"], width], "w6.s3.e3": None, "w6.s3.e4": None,
 "w6.s4.e1": None, "w6.s4.e2": None, "w6.s4.e3": None, "w6.s5.e1": None, "w6.s5.e2": None, "w6.s5.e3": [at["vanilla"], at["distilled"]],
 "w6.s5.e4": final[["tail_f1", "ECE", "NLL", "JS"]].to_numpy().ravel().tolist(), "w6.s5.e5": None, "w6.s5.e6": None, "w6.s5.e7": None, "w6.s5.e8": None}
"""
