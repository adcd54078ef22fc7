"""Reads the query of a handshake, or a message, into a model, and names the field that is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from server.errors import InvalidRequest
from server.middleware.authentication import QUERY_KEY
from server.routes.requests import MAX_MEMBERS

Model = TypeVar("Model", bound=BaseModel)


def read_query(request: web.Request, model: type[Model], ignored: frozenset[str] = frozenset()) -> Model:
    """Returns the query as a model, whose aliases are the names of the fields. Raises InvalidRequest for an unknown
    field, one that is given twice, and a wrong value; fields of ``ignored`` may have any."""
    known = {field.alias or name for name, field in model.model_fields.items()}
    values: dict[str, str] = {}
    for name, value in request.query.items():
        if name in ignored or name == QUERY_KEY:
            continue
        if name not in known:
            raise InvalidRequest(f"there is no such field in the query; allowed fields are {', '.join(sorted(known))}")
        if name in values:
            raise InvalidRequest(f"{name}: must be given once", param=name)
        values[name] = value
    return validated(model, values)


def validated(model: type[Model], values: Mapping[str, Any]) -> Model:
    """Returns a valid model. Raises InvalidRequest, which names the first field that is wrong and no value; an unknown
    field is wrong if the model forbids it."""
    known = {field.alias or name for name, field in model.model_fields.items()}
    if model.model_config.get("extra") != "forbid":
        values = {name: value for name, value in values.items() if name in known}
    if values.keys() - known:
        raise InvalidRequest(f"there is no such field; allowed fields are {', '.join(sorted(known))}")
    for name, value in values.items():  # pydantic creates an error for each unknown member, 5 us each
        if isinstance(value, dict | list) and len(value) > MAX_MEMBERS:
            raise InvalidRequest(f"{name}: must not have more than {MAX_MEMBERS} members", param=name)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _refusal(error.errors(include_url=False, include_input=False)[0]) from None


def _refusal(problem: ErrorDetails) -> InvalidRequest:
    """Returns the error for a problem that pydantic has found."""
    path = [str(part) for part in problem["loc"]]
    if problem["type"] == "extra_forbidden":  # the last part of the path is the client's
        path, message = path[:-1], "has a field that is not allowed"
    elif problem["type"] == "model_type":
        message = "must be an object"
    else:
        message = f"{problem['msg'][0].lower()}{problem['msg'][1:]}"
    field = ".".join(path)
    return InvalidRequest(f"{field}: {message}" if field else message, param=field or None)
