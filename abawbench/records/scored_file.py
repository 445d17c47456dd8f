"""What ``abawbench score`` says of a file of predictions."""

from pydantic import BaseModel, ConfigDict, Field, computed_field

from abawbench.records.record import DatabaseRecord
from abawbench.records.scores import Floor, Score


class ScoredFile(BaseModel):
    """A file of predictions, scored against the labels at hand."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    """The file's name without its folder."""
    form: str
    """``official``, ``one file per track``, ``CSV``, ``Parquet`` or ``run``."""
    task: str
    edition: int
    database: DatabaseRecord
    score: Score
    floor: Floor
    tracks: int
    """Tracks with an annotated frame."""
    annotated_frames: int
    """Annotated frames, or tracks for a track-level task; those of tracks that could not be read among them."""
    lost_tracks: int = 0
    """Tracks of the split that could not be read."""
    predicted_frames: int
    """How many of them the file predicts."""
    filled_frames: int = 0
    """How many of them the rule ``missing`` filled."""
    missing: str = "error"
    """What happened to annotated frames without a prediction: ``error``, ``nearest`` or ``interpolate``."""
    surplus_rows: int = 0
    """Rows that were passed over, because the split has no such frame."""
    notes: tuple[str, ...] = ()
    """What else the value rests on, in words."""
    assumptions: dict[str, str] = Field(default_factory=dict)
    """Of uncertain facts, where another than the default took effect (docs/assumptions.md)."""
    stored_value: float | None = None
    """For a run: the value in its record, which this one equals."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def coverage(self) -> float:
        """Frames predicted over frames annotated, 0 to 1."""
        return self.predicted_frames / self.annotated_frames
