"""Forms that may carry one file, which is kept on the disk while it is read and closed when it was dealt with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from server.dashboard.guard import MOST_FIELDS, Form, read_form
from server.refusals import MalformedBody

__all__ = ["open_form"]


@asynccontextmanager
async def open_form(request: Request, field_bytes: int) -> AsyncIterator[Form]:
    """The fields of a form, with its file if there is one. field_bytes: of one typed field, at most. Raises MalformedBody."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        yield await read_form(request)
        return
    parser = MultiPartParser(
        request.headers, request.stream(), max_files=1, max_fields=MOST_FIELDS, max_part_size=field_bytes
    )
    try:
        read = await parser.parse()
    except MultiPartException as error:
        raise MalformedBody("the form cannot be read; go back to the page and send it again") from error
    try:
        items = read.multi_items()
        texts = [(name, value) for name, value in items if isinstance(value, str)]
        files = [value for _, value in items if isinstance(value, UploadFile)]
        # a browser sends a nameless file where none was chosen
        yield Form(texts, next((one.file for one in files if one.filename), None))
    finally:
        await read.close()
