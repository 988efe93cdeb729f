"""`katchi token`: how a partner's tool, which has no node, signs in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from katchi.cli.invocation import here
from katchi.cli.printing import moment

if TYPE_CHECKING:
    from katchi.store.partners import Token

app = typer.Typer(help="Tokens of tools.", no_args_is_help=True, rich_markup_mode=None)

DAY = 86_400_000_000


@app.command()
def create(
    context: typer.Context,
    partner: Annotated[str, typer.Option(help="The tool, as `katchi partner add-tool` named it.")],
    label: Annotated[str, typer.Option(help="What it is for.")] = "",
    days: Annotated[int | None, typer.Option(min=1, help="How long it is accepted; otherwise until revoked.")] = None,
) -> None:
    """Make a token.

    Its secret is shown once.
    """
    from katchi.node import tokens

    invocation = here(context)
    with invocation.node() as node:
        token, secret = tokens.create(node, partner, label=label, lasts=None if days is None else days * DAY)
        url = f"{node.settings.url.rstrip('/')}/taxii2/"
    invocation.answer({**_as_document(token), "secret": secret, "url": url})
    invocation.say("token-made", id=token.id, partner=partner)
    invocation.tell(invocation.word("token-secret", secret=secret))
    invocation.say("token-use", partner=partner, url=url)


@app.command("list")
def list_(context: typer.Context) -> None:
    """Show all tokens, without secrets."""
    invocation = here(context)
    with invocation.node() as node:
        tokens = node.store.partners.tokens()
    invocation.answer({"tokens": [_as_document(token) for token in tokens]})
    if not tokens:
        invocation.say("token-none")
    never = invocation.word("never")
    invocation.table(
        ("id", "partner", "label", "when", "expires"),
        [
            (token.id, token.partner, token.label, moment(token.created_at), moment(token.expires_at, never))
            for token in tokens
        ],
    )


@app.command()
def revoke(context: typer.Context, token: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Take a token back."""
    from katchi.node import tokens

    invocation = here(context)
    with invocation.node() as node:
        tokens.revoke(node, token)
    invocation.answer({"revoked": token})
    invocation.say("token-revoked", id=token)


def _as_document(token: Token) -> dict[str, object]:
    return {
        "id": token.id,
        "partner": token.partner,
        "label": token.label,
        "created": moment(token.created_at),
        "expires": moment(token.expires_at) or None,
    }
