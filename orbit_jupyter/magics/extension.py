"""What ``%load_ext orbit_jupyter`` does."""

from __future__ import annotations

import re

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher
from IPython.core.interactiveshell import InteractiveShell

from .orbit_magics import OrbitMagics

MATCHER = "orbit"
"""The matcher's name, for IPython's `IPCompleter.disable_matchers`."""

# Also behind an assignment. Without a % it would be the module, which people import as `orbit`.
_LINE = re.compile(r"^\s*(?:[\w.,\s]+=\s*)?%{1,2}orbit +(?P<rest>.*)$")


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Add ``%orbit`` and what Tab knows about it."""
    magics = OrbitMagics(shell)
    shell.register_magics(magics)

    # Not a `complete_command` hook: beside its answers IPython shows Jedi's, which takes a verb for Python, and
    # seconds for it. A matcher that comes first and suppresses the others keeps them from running.
    @context_matcher(identifier=MATCHER, priority=1000)  # type: ignore[untyped-decorator]
    def offer(context: CompletionContext) -> SimpleMatcherResult:
        line = _LINE.match(context.text_until_cursor)
        found = magics.completions(line["rest"]) if line is not None else []
        # IPython replaces its own idea of the word, which may be the end of ours only.
        cut = len(line["rest"].rpartition(" ")[2]) - len(context.token) if line is not None else 0
        completions = [SimpleCompletion(text[cut:], type="magic") for text in found]
        return {
            "completions": completions,
            "matched_fragment": context.token,
            "suppress": bool(found),
            "do_not_suppress": set(),
            "ordered": True,
        }

    shell.Completer.custom_matchers.append(offer)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take them away again."""
    magics = shell.magics_manager.registry.pop(OrbitMagics.__name__, None)
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("orbit", None)
    matchers = shell.Completer.custom_matchers
    matchers[:] = [one for one in matchers if getattr(one, "matcher_identifier", None) != MATCHER]
    shell.configurables[:] = [one for one in shell.configurables if not isinstance(one, OrbitMagics)]
    if isinstance(magics, OrbitMagics):
        magics.close()
