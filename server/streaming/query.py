"""Reads the query of a handshake into a model, and names the field that is wrong."""

from __future__ import annotations

from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from server.errors import InvalidRequest
from server.middleware.authentication import QUERY_KEY

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


def validated(model: type[Model], values: object) -> Model:
    """Returns a valid model. Raises InvalidRequest, which names the first field that is wrong and no value."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        known = {field.alias or name for name, field in model.model_fields.items()}
        field = ".".join(str(part) for part in problem["loc"][:1] if part in known)
        if problem["type"] == "extra_forbidden":
            raise InvalidRequest(f"there is no such field; allowed fields are {', '.join(sorted(known))}") from None
        message = f"{problem['msg'][0].lower()}{problem['msg'][1:]}"
        raise InvalidRequest(f"{field}: {message}" if field else message, param=field or None) from None
