"""The official metrics, as sums over tracks.

In: decisions and labels of one track. Out: statistics that add up, and the value of their sum. May import: what
abawbench exports to plugins.
"""

from abawbench.contracts.declarations import Assumption, Declaration, MetricDeclaration
from abawbench.hookspecs import hookimpl

ABSENT_CLASS = Assumption(
    name="absent-class",
    values=("zero", "one", "left-out"),
    fact="a class in neither prediction nor target has F1 0 and stays in the mean; others give it 1 or leave it out",
    source="abaw-protocols, section 2.4 (INFERRED; occurs on no official set)",
)


@hookimpl
def abawbench_plugins() -> list[Declaration]:
    """Return the declarations of the metrics."""
    return [
        MetricDeclaration(
            name="ccc",
            summary="Mean concordance correlation over the outputs, all frames pooled.",
            build="abawbench_plugins.metrics.concordance:Concordance",
        ),
        MetricDeclaration(
            name="pearson",
            summary="Mean Pearson correlation over the outputs, all clips pooled.",
            build="abawbench_plugins.metrics.pearson:Pearson",
        ),
        MetricDeclaration(
            name="macro-f1",
            summary="Mean F1 over all classes or action units of the task, absent ones as 0.",
            build="abawbench_plugins.metrics.f1:MacroF1",
            assumptions=(ABSENT_CLASS,),
        ),
        MetricDeclaration(
            name="weighted-f1",
            summary="Mean F1 over the classes, weighted by their share of the frames.",
            build="abawbench_plugins.metrics.f1:WeightedF1",
            assumptions=(ABSENT_CLASS,),
        ),
        MetricDeclaration(
            name="macro-f1-ap",
            summary="Mean F1 of two classes, with the average precision of the BAH scorer beside it.",
            build="abawbench_plugins.metrics.average_precision:MacroF1WithAP",
            assumptions=(ABSENT_CLASS,),
        ),
        MetricDeclaration(
            name="macro-f1-uar",
            summary="Mean F1 over the classes, with the unweighted average recall beside it.",
            build="abawbench_plugins.metrics.recall:MacroF1WithUAR",
            assumptions=(ABSENT_CLASS,),
        ),
        MetricDeclaration(
            name="sum-of-parts",
            summary="Sum of the official metrics of a multitask task's parts: P_MTL = P_VA + P_EXPR + P_AU.",
            build="abawbench_plugins.metrics.multitask:SumOfParts",
            assumptions=(ABSENT_CLASS,),
        ),
    ]
