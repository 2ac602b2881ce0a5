"""Coming and going: sign-in, sign-out, language and theme, and the files pages are made of."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from services.alerts.console.desk import SIGN_IN, Desk
from services.alerts.console.guard import local_path, read_form
from services.alerts.console.sessions import IDLE
from services.alerts.console.texts import LOCALES
from services.alerts.console.viewer import (
    LANGUAGE_COOKIE,
    THEME_COOKIE,
    THEMES,
    is_secure,
    session_cookie,
    viewer_of,
)
from shared.clock import real_now
from shared.http.problems import ApiError
from shared.http.throttle import Throttle

YEAR_SECONDS = 365 * 86_400


def add_visits(router: APIRouter, desk: Desk) -> None:
    """Routes that need no session."""
    throttle = Throttle()

    def page(request: Request, *, to: str, said: str | None = None, status: int = 200) -> Response:
        viewer = viewer_of(request, desk.renderer.texts)
        path = f"{SIGN_IN}"
        return HTMLResponse(desk.renderer.page("sign_in.html", viewer, next=to, said=said, path=path), status)

    @router.get(SIGN_IN)
    async def ask(request: Request) -> Response:
        return page(request, to=local_path(request.query_params.get("next")))

    @router.post(SIGN_IN)
    async def sign_in(request: Request) -> Response:
        form = dict(await read_form(request))
        to, address = local_path(form.get("next")), request.client.host if request.client else ""
        texts = viewer_of(request, desk.renderer.texts).texts
        if throttle.refuses(address, real_now()):
            return page(request, to=to, said=texts("error.too_many_attempts"), status=429)
        try:
            token = await desk.sessions.sign_in(form.get("key", "").strip())
        except ApiError as error:
            if error.status == 401:
                throttle.note(address, real_now())
            return page(request, to=to, said=texts.code("error", error.code), status=error.status)
        response = RedirectResponse(to, 303)
        response.set_cookie(
            session_cookie(request),
            token,
            max_age=int(IDLE.total_seconds()) * 14,  # the store decides when it ends; the browser may keep it longer
            path="/",
            secure=is_secure(request),
            httponly=True,
            samesite="strict",
        )
        return response

    @router.post("/console/sign-out")
    async def sign_out(request: Request) -> Response:
        token = request.cookies.get(session_cookie(request))
        if token:
            await desk.sessions.sign_out(token)
        response = RedirectResponse(SIGN_IN, 303)
        response.delete_cookie(session_cookie(request), path="/", secure=is_secure(request), httponly=True)
        return response

    _add_preferences(router)
    _add_assets(router, desk)


def _add_preferences(router: APIRouter) -> None:
    @router.post("/console/preferences")
    async def preferences(request: Request) -> Response:
        form = dict(await read_form(request))
        response = RedirectResponse(local_path(form.get("back")), 303)
        for name, cookie, choices in (("language", LANGUAGE_COOKIE, LOCALES), ("theme", THEME_COOKIE, THEMES)):
            if form.get(name) in choices:
                response.set_cookie(cookie, form[name], max_age=YEAR_SECONDS, secure=is_secure(request), samesite="lax")
        return response


def _add_assets(router: APIRouter, desk: Desk) -> None:
    @router.get("/console/static/{name}")
    async def asset(name: str) -> Response:
        found = desk.renderer.assets.get(name)
        if found is None:
            raise ApiError(404, "not_found", "There is no such file.")
        # Pages name a file with a fingerprint of its content.
        return Response(found.body, media_type=found.media_type, headers={"Cache-Control": "public, max-age=31536000"})
