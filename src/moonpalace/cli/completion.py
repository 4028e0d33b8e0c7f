"""`moonpalace completion`: the script that makes a shell complete our commands and flags."""

from __future__ import annotations

import click

from ..core.errors import UsageError

_HOW = {
    "bash": 'eval "$(moonpalace completion bash)"  in ~/.bashrc',
    "zsh": 'eval "$(moonpalace completion zsh)"  in ~/.zshrc, after compinit',
    "fish": "moonpalace completion fish > ~/.config/fish/completions/moonpalace.fish",
    "powershell": "moonpalace completion powershell | Out-String | Invoke-Expression  in $PROFILE",
}


@click.command("completion", epilog="\b\n" + "\n".join(f"{shell}:  {how}" for shell, how in _HOW.items()))
@click.argument("shell", type=click.Choice(tuple(_HOW)))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a shell."""
    from click.shell_completion import get_completion_class

    from .program import NAME, root

    kind = get_completion_class(shell)
    if kind is None:  # PowerShell's came with click 8.5
        raise UsageError(f"the installed click knows no completion for {shell}; upgrade click")
    click.echo(kind(root, {}, NAME, f"_{NAME.upper()}_COMPLETE").source())
