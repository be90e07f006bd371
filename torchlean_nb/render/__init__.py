"""Renderers: functions from a trace to text, LaTeX, SVG, DOT or a figure, the same bytes for the same trace.

=============  ====================================================================
``svg``        a scene holding every step, and pictures of one step
``layout``     where nodes and edges go: ``layers``, ``placing``, ``routes``
``text``       table, narration, Markdown, ledger
``latex``      formulas, in symbols and with the numbers put in; ``mathml`` for browsers
``dot``        Graphviz text, and drawings through Graphviz where it is installed
``figure``     a matplotlib figure
``fold``       large graphs made small enough to draw
``escape``     what every one of them does to a user's text
=============  ====================================================================
"""
