"""A secret as the doctor reads it: one that is not there is said with what puts it there."""

from surefoot.errors import ConfigError
from surefoot.service import SecretRef
from tasks.doctor.finding import Missing
from tasks.settings import resolve_secret

_BLOCK = "prefect block create secret   # in the Prefect pages: Blocks, Secret"


async def secret(ref: SecretRef) -> str:
    """Return what a reference stands for; Missing with what to type."""
    try:
        return (await resolve_secret(ref)).get_secret_value()
    except ConfigError as problem:
        mend = f"export {ref.env}=TOKEN" if ref.env else _BLOCK
        raise Missing(str(problem).partition("; ")[0], mend) from problem
