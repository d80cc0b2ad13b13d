"""Small apps with the patterns in front of them, to read, to run and to copy from.

One app for each way of wrapping, all six with the same routes: ``bare_app``, ``starlette_app``,
``fastapi_app``, ``litestar_app``, ``django_app``, ``quart_app``. Each has the app as somebody else wrote it as
``bare``, and wrapped as ``app``:

    uvicorn examples.starlette_app:app

``shop`` is the API that ``make demo`` serves.
"""
