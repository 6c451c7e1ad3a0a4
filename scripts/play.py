"""Play an environment yourself, in the browser or in the terminal.

The page shows the picture, the question and what can be replied, and how the exact belief over the
answers moves with every look.
"""

from __future__ import annotations

import sys
import tempfile
import webbrowser
from contextlib import suppress
from pathlib import Path

from configs.play_schema import PlayScript
from scripts.hydra_door import run_script
from scripts.play_game import Game
from scripts.play_server import PlayServer
from scripts.play_terminal import play_in_terminal
from sims import make_env

EXAMPLES = (
    "python scripts/play.py env=avr/occlusion",
    "python scripts/play.py env=avr/occlusion interface=terminal show_belief=false",
    "python scripts/play.py env=avr/occlusion env.config.action_form=typed port=8000",
)


def main(config: PlayScript, config_yaml: str) -> None:
    """Play until the person stops, with Ctrl-C or by leaving the terminal's game."""
    env = make_env(config.env)
    try:
        game = Game(env, purpose=config.purpose, index=config.first_index)
        with suppress(KeyboardInterrupt):
            if config.interface == "terminal":
                _play_in_terminal(game, config)
            else:
                _serve(game, config)
    finally:
        env.close()


def _play_in_terminal(game: Game, config: PlayScript) -> None:
    with tempfile.TemporaryDirectory(prefix="saccade-play-") as folder:
        play_in_terminal(
            game, Path(folder), show_belief=config.show_belief, show_gains=config.show_gains
        )


def _serve(game: Game, config: PlayScript) -> None:
    server = PlayServer(
        game, port=config.port, show_belief=config.show_belief, show_gains=config.show_gains
    )
    with server:
        print(f"{server.url}\nOpen this page in a browser; Ctrl-C stops.", flush=True)
        if config.open_browser:
            webbrowser.open(server.url)
        server.serve_forever()


if __name__ == "__main__":
    sys.exit(run_script(main, config_name="play", schema=PlayScript, examples=EXAMPLES))
