"""What all sections of headgate.yaml have in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A mapping of known keys. Strict: `true` is no number, `"7"` is no number, NaN and infinity are none either."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
