"""The challenge tasks, each under the protocol of its edition, and the editions as suites.

In: nothing. Out: ``Task`` objects, built when one is used. May import: what abawbench exports to plugins.
"""

from abawbench.contracts.declarations import Assumption, Declaration, SuiteDeclaration, TaskDeclaration
from abawbench.hookspecs import hookimpl

ERI_METRIC = Assumption(
    name="eri-metric",
    values=("pearson", "ccc"),
    fact="the score is the mean Pearson correlation of the seven dimensions; the mean CCC is the other usual one",
    source="abaw-protocols, section 4.3 (INFERRED)",
)

VD_FILE = Assumption(
    name="vd-file",
    values=("zip", "rows"),
    fact="a submission is a zip of one table per video; every other frame-level task wants one file of rows",
    source="abaw-protocols, section 7 (SINGLE)",
)

VD_FIRST_FRAME = Assumption(
    name="vd-first-frame",
    values=("1", "0"),
    fact="the frames of a table are counted from 1",
    source="abaw-protocols, section 7 (SINGLE)",
)

VD_VIOLENT = Assumption(
    name="vd-violent",
    values=("1", "0"),
    fact="the label of a violent frame is 1",
    source="abaw-protocols, section 7 (SINGLE)",
)


@hookimpl
def abawbench_plugins() -> list[Declaration]:
    """Return the tasks, and the suites, of which the first is ``all`` (abaw-protocols, section 1)."""
    return [
        TaskDeclaration(
            name="va",
            summary="Valence and arousal of every frame; mean CCC (Aff-Wild2).",
            build="abawbench_plugins.tasks.va:task",
        ),
        TaskDeclaration(
            name="expr",
            summary="One of eight expressions for every frame; macro F1 (Aff-Wild2).",
            build="abawbench_plugins.tasks.expr:task",
        ),
        TaskDeclaration(
            name="au",
            summary="Twelve action units for every frame; mean F1 (Aff-Wild2).",
            build="abawbench_plugins.tasks.au:task",
        ),
        TaskDeclaration(
            name="ce",
            summary="One of seven compound expressions for every frame; macro F1 (C-EXPR-DB).",
            build="abawbench_plugins.tasks.ce:task",
        ),
        TaskDeclaration(
            name="emi",
            summary="Six emotion intensities for every clip; mean Pearson correlation (Hume-Vidmimic2).",
            build="abawbench_plugins.tasks.emi:task",
        ),
        TaskDeclaration(
            name="ah",
            summary="Ambivalence or hesitancy in every frame, the ABAW8 task; weighted F1 (BAH).",
            build="abawbench_plugins.tasks.ah:task",
        ),
        TaskDeclaration(
            name="ah-video",
            summary="Ambivalence or hesitancy in a video as a whole, the ABAW10/11 task; macro F1 (BAH).",
            build="abawbench_plugins.tasks.ah_video:task",
        ),
        TaskDeclaration(
            name="mtl",
            summary="Valence-arousal, expression and action units of every frame at once; P_MTL (s-Aff-Wild2).",
            build="abawbench_plugins.tasks.mtl:task",
        ),
        TaskDeclaration(
            name="eri",
            summary="Seven reaction intensities for every clip, the ABAW5 task; mean Pearson (Hume-Reaction).",
            build="abawbench_plugins.tasks.eri:task",
            assumptions=(ERI_METRIC,),
        ),
        TaskDeclaration(
            name="vd",
            summary="Violence in every frame, the ABAW10 task; macro F1 of two classes (DVD).",
            build="abawbench_plugins.tasks.vd:task",
            assumptions=(VD_FILE, VD_FIRST_FRAME, VD_VIOLENT),
        ),
        TaskDeclaration(
            name="expr-clip",
            summary="One of seven expressions for every clip; macro F1 and UAR (CREMA-D, RAVDESS).",
            build="abawbench_plugins.tasks.expr_clip:task",
        ),
        SuiteDeclaration(
            name="abaw8",
            summary="The six tasks of the 8th challenge (CVPR 2025); also called all.",
            tasks=("va", "expr", "au", "ce", "emi", "ah"),
        ),
        SuiteDeclaration(
            name="abaw10",
            summary="The six tasks of the 10th challenge (CVPR 2026).",
            tasks=("va", "expr", "au", "vd", "emi", "ah-video"),
        ),
        SuiteDeclaration(
            name="abaw11",
            summary="The two tasks of the 11th challenge (ECCV 2026).",
            tasks=("mtl", "ah-video"),
        ),
    ]
