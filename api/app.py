"""Door one: HTTP in, HTTP out. `create_app` is what uvicorn runs; `build_app` is the same on given resources."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from sqlalchemy import Engine

from api import problems
from api.compression import Compress
from api.contract import describe
from api.deprecation import TellDeprecated
from api.limits import LimitBody
from api.pages import accueil, actions, courriels
from api.resources import Resources
from api.routes import (
    auth,
    changements,
    depots,
    envois,
    instances,
    photos,
    publication,
    referentiel,
    routage,
    sante,
    secteurs,
    signalements,
    verbes,
    voisinage,
)
from relais.db import make_engine
from relais.keys import load_keys
from relais.settings import settings
from relais.stockage import open_stockage


def create_app() -> FastAPI:
    """From the environment. `relais up` and `relais api` set what it needs."""
    chosen = settings()
    if chosen.database_url is None:
        raise SystemExit("RELAIS_DATABASE_URL manque : lancez plutôt « relais api » ou « relais up ».")
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    return build_app(
        Resources(
            bind=make_engine(chosen.database_url, pool=chosen.pool),
            keys=load_keys(chosen),
            settings=chosen,
            stockage=open_stockage(chosen),
            slots=asyncio.Semaphore(chosen.pool),
        )
    )


def build_app(resources: Resources | None) -> FastAPI:
    """Without resources it serves nothing, and still knows its contract."""
    app = FastAPI(
        title="Relais",
        generate_unique_id_function=lambda route: route.name,
        lifespan=_lifespan,
        docs_url="/docs",
        redoc_url=None,
    )
    app.state.resources = resources
    app.add_middleware(TellDeprecated)
    app.add_middleware(LimitBody)
    app.add_middleware(Compress)
    problems.install(app)
    for module in (
        voisinage,  # « proches » is no identifiant: before « {id} »
        signalements,
        depots,
        changements,
        verbes,
        publication,
        photos,
        referentiel,
        routage,
        secteurs,
        instances,
        envois,
        sante,
        auth,
    ):
        app.include_router(module.router)
    for pages in (accueil, actions, courriels):
        app.include_router(pages.router, include_in_schema=False)
    describe(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    if isinstance(bind := app.state.resources.bind, Engine):
        bind.dispose()
