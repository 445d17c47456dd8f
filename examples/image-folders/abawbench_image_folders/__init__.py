"""The dataset ``image-folders``."""

from abawbench.contracts import DatabaseDeclaration
from abawbench.hookspecs import hookimpl


@hookimpl
def abawbench_databases() -> list[DatabaseDeclaration]:
    """Return the declaration of ``image-folders``."""
    return [
        DatabaseDeclaration(
            name="image-folders",
            summary="Still images in a folder per expression.",
            build="abawbench_image_folders.dataset:ImageFoldersDataset",
            licence="that of your images",
            example="abawbench_image_folders.example:write",
        )
    ]
