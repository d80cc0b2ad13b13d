"""What an app costs behind each layer: the parts of ``asgi-patterns bench``.

``measuring`` runs contenders, each in a process of its own, in rounds that take turns; ``counting`` counts what is
the same in every run; ``calling`` plays the server of an app; ``numbers`` is what comes out. They know no layer, and
serve other benchmarks as well:

    measured = measure({"alone": calling(lambda: app), "wrapped": calling(lambda: wrap(app))}, seconds=5)
    measured["wrapped"].over(measured["alone"])
"""
