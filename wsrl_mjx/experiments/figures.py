"""The paper's questions as a table: which arms answer each of them, and what is drawn.

Figures and appendices are those of Zhou et al. 2024 (arXiv 2412.07762).
"""

from dataclasses import dataclass

INSERTION = "insertion"
HEAT_MAP = "when_warmup_matters"  # its arms are a grid, see `warmup_map`


@dataclass(frozen=True)
class FigureOfPaper:
    """One figure.

    Attributes:
        source: the figure or appendix of the paper that asks the same; empty where none does.
        question: what it asks.
        caption: what is drawn.
        arms: names in `figure_arms.ARMS`; the first is what the others are compared with.
        panels: metrics, see `panels.PANELS`.
        ordered: the arms are steps of one quantity.
        ranked: it ranks methods: with a performance profile and the probability of improvement.
    """

    source: str
    question: str
    caption: str
    arms: tuple[str, ...] = ()
    panels: tuple[str, ...] = ("score", "held_out/q", "held_out/td_error")
    ordered: bool = False
    ranked: bool = False


FIGURES: dict[str, FigureOfPaper] = {
    "no_retention": FigureOfPaper(
        "figure 7",
        "Without any offline data, does WSRL fine-tune better than what there was?",
        "No method sees offline data after the switch. SAC starts from nothing, JSRL from a guide.",
        ("wsrl", "jsrl", "calql-share-0", "cql-share-0", "iql-share-0", "sac"),
        ranked=True,
    ),
    "retention": FigureOfPaper(
        "figure 9",
        "Is WSRL, which drops the data, as good as methods that keep it?",
        "All but WSRL draw offline rows into every online minibatch; RLPD has no pretraining.",
        (
            "wsrl",
            "rlpd",
            "calql-share-50",
            "calql-plain-share-50",
            "cql-share-50",
            "iql-share-50",
            "so2",
        ),
        ranked=True,
    ),
    "retention_sweep": FigureOfPaper(
        "figure 3",
        "How much offline data must Cal-QL keep for its critics to hold on offline data?",
        "Cal-QL goes on with a share of offline rows in each minibatch. TD errors are on held-out offline "
        "rows, and on the replay buffer.",
        (
            "calql-share-0",
            "calql-share-5",
            "calql-share-10",
            "calql-share-25",
            "calql-share-50",
            "calql-append",
        ),
        ("score", "held_out/td_error", "replay/td_error", "held_out/q"),
        ordered=True,
    ),
    "downward_spiral": FigureOfPaper(
        "figures 2, 4 and 5",
        "When the data is dropped, do values fall below what the policy is worth, and does keeping it help?",
        "Dashed: no offline data online. The value is that of the policy's actions in held-out states: the "
        "critics', and measured by restarting the simulator there.",
        ("calql-share-0", "calql-share-50", "cql-share-0", "cql-share-50", "iql-share-0", "iql-share-50"),
        (
            "score",
            "held_out/q",
            "held_out/td_error",
            "replay/q",
            "value/q",
            "value/gap",
            "value/best_gap",
            "cql/below_floor",
        ),
    ),
    "drift": FigureOfPaper(
        "figure 8",
        "How far does fine-tuning move the policy from the pretrained one?",
        "KL divergence and the distance of the deterministic actions, on held-out states.",
        ("wsrl", "wsrl-warmup-0", "calql-share-0", "calql-share-50"),
        ("score", "drift/kl", "drift/action", "held_out/q"),
    ),
    "offline_init": FigureOfPaper(
        "appendix H",
        "Does it matter which offline algorithm WSRL starts from?",
        "BC hands its policy over alone; its critics start fresh.",
        ("wsrl-from-calql", "wsrl-from-cql", "wsrl-from-iql", "wsrl-from-bc"),
    ),
    "wsrl_retention": FigureOfPaper(
        "figure 24",
        "Does WSRL gain from keeping the data after all?",
        "The data mixed into every minibatch, or appended to the replay buffer.",
        ("wsrl", "wsrl-share-50", "wsrl-append"),
        ("score", "held_out/q", "held_out/td_error", "replay/td_error"),
    ),
    "failed_pretraining": FigureOfPaper(
        "figure 28",
        "What does WSRL do where pretraining failed?",
        "Pretrained on random actions, or for a tenth of the steps; SAC starts from nothing.",
        ("wsrl", "wsrl-short-pretraining", "wsrl-random-data", "sac"),
        ("score", "held_out/q", "replay/q"),
    ),
    HEAT_MAP: FigureOfPaper(
        "",
        "When does the warmup matter, over worlds, their options and the settings of a run?",
        "With the warmup minus without, both from the same pretraining: final success, and the lowest "
        "success and mean Q since the first update.",
    ),
    INSERTION: FigureOfPaper(
        "section on the real robot",
        "What does the warmup save, and does keeping data reach the starts that the data does not?",
        "A peg is inserted for a sparse reward. Success from the starts that the data has too, and from a "
        "ring around them; SERL is RLPD with 20 demonstrations.",
        (
            "wsrl",
            "wsrl-warmup-2000",
            "wsrl-warmup-1000",
            "wsrl-warmup-0",
            "wsrl-warmup-0-share-50",
            "calql-goes-on",
            "rlpd",
            "serl",
            "sac",
        ),
        ("score", "eval/score_outside", "held_out/q", "held_out/td_error"),
    ),
    "warmup": FigureOfPaper(
        "figures 10 and 11",
        "What does the warmup prevent?",
        "The same pretraining with and without the frozen policy's steps before the first update.",
        ("wsrl", "wsrl-warmup-0"),
        ("score", "held_out/q", "held_out/td_error", "replay/q"),
    ),
    "warmup_source": FigureOfPaper(
        "figures 16 and 23",
        "Must the pretrained policy fill the buffer, or do random actions or offline rows do?",
        "What the buffer holds before the first update; offline rows take no environment steps.",
        ("wsrl", "wsrl-warmup-random", "wsrl-warmup-data", "wsrl-warmup-0"),
        ("score", "held_out/q", "held_out/td_error", "replay/q"),
    ),
    "warmup_length": FigureOfPaper(
        "figure 17",
        "How long must the warmup be?",
        "Steps of the frozen policy before the first update.",
        (
            "wsrl-warmup-0",
            "wsrl-warmup-1000",
            "wsrl-warmup-2000",
            "wsrl-warmup-5000",
            "wsrl-warmup-10000",
            "wsrl-warmup-20000",
        ),
        ordered=True,
    ),
    "online_algo": FigureOfPaper(
        "figure 12, right",
        "After the warmup, is SAC better than going on with the offline algorithm?",
        "The same pretraining and warmup; then another loss.",
        ("wsrl", "wsrl-online-calql", "wsrl-online-cql"),
        ("score", "held_out/q", "held_out/td_error", "replay/q"),
    ),
    "q_init": FigureOfPaper(
        "figure 12, left",
        "Does WSRL need the pretrained critics?",
        "Critics and targets pretrained, or fresh at the switch; the policy is pretrained in both.",
        ("wsrl", "wsrl-fresh-critics"),
        ("score", "replay/q", "replay/td_error", "held_out/q"),
    ),
    "policy_init": FigureOfPaper(
        "figure 13",
        "Does WSRL need the pretrained policy?",
        "The policy pretrained, or fresh at the switch, with critics pretrained and the same warmup in both.",
        ("wsrl", "wsrl-fresh-actor"),
        ("score", "replay/q", "drift/kl", "held_out/q"),
    ),
    "learner": FigureOfPaper(
        "",
        "Which choices of the learner matter?",
        "The number of critics, LayerNorm and the actor's rate are the pretraining's too; the others change "
        "only the fine-tuning.",
        (
            "wsrl",
            "wsrl-utd-1",
            "wsrl-utd-20",
            "wsrl-two-critics",
            "wsrl-no-layer-norm",
            "wsrl-released-actor-lr",
            "wsrl-fresh-optimizers",
            "wsrl-fresh-temperature",
        ),
        ("score", "held_out/q", "replay/q", "replay/td_error"),
    ),
    "asymptote": FigureOfPaper(
        "figure 6",
        "Does keeping the data cost the end of training?",
        "Twice the preset's online steps.",
        ("wsrl-long", "rlpd-long", "calql-share-50-long"),
        ("score", "replay/q", "held_out/q"),
    ),
}
