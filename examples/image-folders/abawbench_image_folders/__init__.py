"""The database ``image-folders``."""

from abawbench.contracts import DatabaseDeclaration, Declaration
from abawbench.hookspecs import hookimpl


@hookimpl
def abawbench_plugins() -> list[Declaration]:
    """Return the declaration of ``image-folders``."""
    return [
        DatabaseDeclaration(
            name="image-folders",
            summary="Still images in a folder per expression.",
            build="abawbench_image_folders.database:ImageFoldersDatabase",
            licence="that of your images",
            example="abawbench_image_folders.example:write",
        )
    ]
