"""The databases of the challenges in their official layouts, one's own by a manifest, and the synthetic one.

In: folders. Out: tracks with labels, and what is wrong with the copy. May import: what abawbench exports to plugins.
"""

from abawbench.contracts.declarations import Assumption, DatabaseDeclaration, Declaration
from abawbench.hookspecs import hookimpl
from abawbench_plugins.tasks import VD_FIRST_FRAME, VD_VIOLENT

HEADER = Assumption(
    name="annotation-header",
    values=("named", "any"),
    fact="the first line of an annotation names the columns, in the official order; 'any' takes whatever stands there",
    source="abaw-protocols, section 2.2 (its presence CONFIRMED, its words INFERRED)",
)

BAH_RATE = Assumption(
    name="bah-rate",
    values=("24", "25"),
    fact="frames per second, which place sound and words beside frames where no video tells",
    source="abaw-protocols, section 5.2 (INFERRED from frames and hours; one team took 25)",
)

CONTEMPT = Assumption(
    name="contempt",
    values=("left-out", "other"),
    fact="a photograph of contempt is not annotated; 'other' counts it as the class Other, which is a convention only",
    source="open-data, facial-expressions (INFERRED: Aff-Wild2 has no contempt, the photographs no Other)",
)

CREMA_LABEL = Assumption(
    name="crema-label",
    values=("acted", "both", "face", "voice"),
    fact="a clip shows what was acted; the others are what most of a crowd perceived, ties without annotation",
    source="open-data, CREMA-D (INFERRED: work on it takes either)",
)

CALM = Assumption(
    name="calm",
    values=("left-out", "neutral"),
    fact="a calm clip of RAVDESS is not annotated; 'neutral' counts it as Neutral",
    source="open-data, RAVDESS (INFERRED: no other database has the class)",
)


@hookimpl
def abawbench_plugins() -> list[Declaration]:
    """Return the declarations of the databases."""
    return [
        DatabaseDeclaration(
            name="aff-wild2",
            summary="Aff-Wild2: in-the-wild videos with valence-arousal, 8 expressions and 12 action units per frame",
            build="abawbench_plugins.databases.aff_wild2:open_database",
            licence="non-commercial research, on request from the authors",
            assumptions=(HEADER,),
            editions=tuple(range(3, 11)),
        ),
        DatabaseDeclaration(
            name="c-expr-db",
            summary="C-EXPR-DB: in-the-wild videos with 7 compound expressions per frame",
            build="abawbench_plugins.databases.c_expr_db:open_database",
            licence="non-commercial research, on request from the authors",
        ),
        DatabaseDeclaration(
            name="hume-vidmimic2",
            summary="Hume-Vidmimic2: clips of people who mimic a video, with 6 emotion intensities per clip",
            build="abawbench_plugins.databases.hume_vidmimic2:open_database",
            licence="research only, on request from Hume AI",
        ),
        DatabaseDeclaration(
            name="bah",
            summary="BAH (ABAW8 package): people answering questions, ambivalence or hesitancy per frame",
            build="abawbench_plugins.databases.bah:open_database",
            licence="non-commercial research, on request from the authors",
            assumptions=(BAH_RATE,),
        ),
        DatabaseDeclaration(
            name="bah-video",
            summary="BAH (ABAW10/11 package): people answering questions, ambivalence or hesitancy per video",
            build="abawbench_plugins.databases.bah_video:open_database",
            licence="non-commercial research, on request from the authors",
            assumptions=(BAH_RATE,),
        ),
        DatabaseDeclaration(
            name="s-aff-wild2",
            summary="s-Aff-Wild2: single frames of Aff-Wild2 with valence-arousal, expression and 12 action units",
            build="abawbench_plugins.databases.s_aff_wild2:open_database",
            licence="non-commercial research, on request from the authors",
        ),
        DatabaseDeclaration(
            name="hume-reaction",
            summary="Hume-Reaction: clips of people who react to a video, with 7 emotion intensities per clip",
            build="abawbench_plugins.databases.hume_reaction:open_database",
            licence="research only, on request from Hume AI",
        ),
        DatabaseDeclaration(
            name="dvd",
            summary="DVD: videos with violent and other scenes, told apart in every frame",
            build="abawbench_plugins.databases.dvd:open_database",
            licence="non-commercial research, on request from the authors",
            assumptions=(VD_FIRST_FRAME, VD_VIOLENT),
        ),
        DatabaseDeclaration(
            name="facial-expressions",
            summary="Photographs of faces with one of 7 expressions each; open to everyone, no form to sign",
            build="abawbench_plugins.databases.facial_expressions:open_database",
            licence="Apache-2.0",
            assumptions=(CONTEMPT,),
        ),
        DatabaseDeclaration(
            name="crema-d",
            summary="CREMA-D: 91 actors, 7,442 clips with one of 6 acted emotions each; no form to sign",
            build="abawbench_plugins.databases.crema_d:open_database",
            licence="ODbL 1.0",
            assumptions=(CREMA_LABEL,),
            example="abawbench_plugins.databases.synthetic.write_crema_d:write",
        ),
        DatabaseDeclaration(
            name="ravdess",
            summary="RAVDESS: 24 actors, spoken clips with one of 8 emotions each; no form to sign",
            build="abawbench_plugins.databases.ravdess:open_database",
            licence="CC BY-NC-SA 4.0",
            assumptions=(CALM,),
        ),
        DatabaseDeclaration(
            name="manifest",
            summary="Your own data: one CSV or Parquet file with tracks, frames, images, sound, text and labels",
            build="abawbench_plugins.databases.manifest:open_database",
            licence="your own",
        ),
        DatabaseDeclaration(
            name="synthetic",
            summary="Drawn faces and made-up voices with labels for every task, generated on first use",
            build="abawbench_plugins.databases.synthetic.database:open_database",
            licence="Apache-2.0",
            generated=True,
        ),
    ]
