"""The commands that lead to a device: parse, call, print, as `app` does, which takes them up."""

import typer

commands = typer.Typer()
