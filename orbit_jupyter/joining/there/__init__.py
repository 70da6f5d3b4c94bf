"""What runs on the cluster's side of a join: sent over ssh and run by the Python there, nothing but its library.

Each run reads one request, a line of JSON, from its standard input, with an archive behind it where one is needed,
and answers with one line of JSON behind the mark that the request names: what a login shell prints beside it is
nobody's answer. Nothing is written over there for it: `begin` makes modules of what was sent.
"""

from __future__ import annotations

MODULES = ("places", "processes", "environments", "tunnel", "endpoint", "answering")
"""What is sent: each imports of those before it alone."""
