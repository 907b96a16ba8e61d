"""HTTP/1.1 over TCP or TLS, a thread for each connection. Python's own server is an order of magnitude slower."""

import re
import socket
import ssl
import threading
import zlib

LARGEST_HEAD = 64 * 1024
LARGEST_BODY = 32 * 1024 * 1024
RECEIVE_BYTES = 256 * 1024
SMALLEST_COMPRESSED = 512
DRAIN_SECONDS = 5
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 409: "Conflict",
           422: "Unprocessable Entity", 500: "Internal Server Error", 501: "Not Implemented"}
CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")


class Request:
    __slots__ = ("method", "target", "headers", "body", "node")

    def __init__(self, method, target, headers, body, node):
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.node = node


class Response:
    __slots__ = ("status", "body", "content_type")

    def __init__(self, status, body, content_type):
        self.status = status
        self.body = body
        self.content_type = content_type


class BodyTooLarge(Exception):
    def __init__(self, size):
        super().__init__(size)
        self.size = size


class BadRequest(Exception):
    """What is no HTTP, or none that this server knows. The connection ends after the answer."""


class Closed(Exception):
    """The client is gone, or said nothing for too long."""


class Connection:
    def __init__(self, stream, node, handle):
        self._stream = stream
        self._node = node
        self._handle = handle
        self._buffer = bytearray()

    def _receive(self):
        try:
            data = self._stream.recv(RECEIVE_BYTES)
        except OSError as error:  # Also a timeout.
            raise Closed from error
        if not data:
            raise Closed
        self._buffer += data

    def _take(self, count):
        while len(self._buffer) < count:
            self._receive()
        data = bytes(memoryview(self._buffer)[:count])
        del self._buffer[:count]
        return data

    def _head(self):
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > LARGEST_HEAD:
                raise BadRequest("the head is too large")
            self._receive()
        lines = self._take(end + 4)[:-4].decode("latin-1").split("\r\n")
        parts = lines[0].split(" ")
        if len(parts) != 3 or parts[2] not in ("HTTP/1.1", "HTTP/1.0"):
            raise BadRequest("no HTTP/1.1 request line")
        headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or name != name.strip():
                raise BadRequest("a header without a colon")
            headers[name.lower()] = value.strip()
        return parts[0], parts[1], parts[2], headers

    def _chunks(self):
        body = bytearray()
        while True:
            while not (found := CHUNK_SIZE.match(self._buffer)):
                if len(self._buffer) > LARGEST_HEAD:
                    raise BadRequest("a chunk without a size")
                self._receive()
            size = int(found[1], 16)
            del self._buffer[:found.end()]
            if len(body) + size > LARGEST_BODY:
                raise BodyTooLarge(len(body) + size)
            if size == 0:
                break
            body += self._take(size)
            if self._take(2) != b"\r\n":
                raise BadRequest("a chunk without an end")
        while True:  # trailers
            while (end := self._buffer.find(b"\r\n")) < 0:
                self._receive()
            del self._buffer[:end + 2]
            if end == 0:
                return bytes(body)

    def _body(self, headers):
        if headers.get("expect", "").lower() == "100-continue":
            self._stream.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "transfer-encoding" in headers:
            if headers["transfer-encoding"].lower() != "chunked":
                raise BadRequest("an unknown transfer encoding")
            body = self._chunks()
        else:
            length = headers.get("content-length", "0")
            if not length.isdecimal():
                raise BadRequest("a content length that is no number")
            if int(length) > LARGEST_BODY:
                raise BodyTooLarge(int(length))
            body = self._take(int(length))
        if headers.get("content-encoding") == "gzip":
            inflater = zlib.decompressobj(31)
            try:
                body = inflater.decompress(body, LARGEST_BODY)
            except zlib.error as error:
                raise BadRequest("a body that is no gzip") from error
            if inflater.unconsumed_tail:
                raise BodyTooLarge(LARGEST_BODY + 1)
        return body

    def _send(self, response, headers, close, head_only=False):
        body = response.body
        fields = [f"HTTP/1.1 {response.status} {REASONS.get(response.status, 'Error')}"]
        if response.content_type:
            fields.append(f"content-type: {response.content_type}")
        if "gzip" in headers.get("accept-encoding", "") and len(body) >= SMALLEST_COMPRESSED:
            packer = zlib.compressobj(1, wbits=31)
            body = packer.compress(body) + packer.flush()
            fields.append("content-encoding: gzip")
        fields.append(f"content-length: {len(body)}")
        if close:
            fields.append("connection: close")
        head = ("\r\n".join(fields) + "\r\n\r\n").encode("latin-1")
        self._stream.sendall(head if head_only else head + body)

    def _drain(self):
        """The client may still be sending: a connection closed on it at once would lose it the answer."""
        self._stream.settimeout(DRAIN_SECONDS)
        if not isinstance(self._stream, ssl.SSLSocket):
            self._stream.shutdown(socket.SHUT_WR)
        while self._stream.recv(RECEIVE_BYTES):
            pass

    def _answer_and_close(self, status, body, content_type):
        self._send(Response(status, body, content_type), {}, close=True)
        self._drain()

    def _serve(self):
        while True:
            method, target, version, headers = self._head()
            try:
                body = self._body(headers)
            except BodyTooLarge as error:
                self._answer_and_close(400, too_large(error.size), "application/json")
                return
            response = self._handle(Request(method, target, headers, body, self._node))
            connection = headers.get("connection", "").lower()
            close = connection == "close" or (version == "HTTP/1.0" and connection != "keep-alive")
            self._send(response, headers, close, head_only=method == "HEAD")
            if close:
                return

    def serve(self):
        try:
            self._serve()
        except BadRequest as error:
            try:
                self._answer_and_close(400, str(error).encode(), "text/plain; charset=utf-8")
            except OSError:
                pass
        except (Closed, OSError):
            pass
        finally:
            self._stream.close()


def too_large(size):
    return (f'{{"status":{{"error":"Payload error: JSON payload ({size} bytes) is larger than allowed '
            f'(limit: {LARGEST_BODY} bytes)."}},"time":0.0}}').encode()


class HttpServer:
    """Listens on ports of 127.0.0.1; `handle(request)` returns the response and is called by many threads."""

    def __init__(self, ports, handle, tls=None, keep_alive_seconds=5):
        self._handle = handle
        self._tls = tls
        self._keep_alive_seconds = keep_alive_seconds
        self._listeners = [socket.create_server(("127.0.0.1", port), backlog=256) for port in ports]
        self.ports = [listener.getsockname()[1] for listener in self._listeners]

    def start(self):
        for node, listener in enumerate(self._listeners):
            threading.Thread(target=self._accept, args=(listener, node), daemon=True).start()

    def _accept(self, listener, node):
        while True:
            stream, _ = listener.accept()
            threading.Thread(target=self._connection, args=(stream, node), daemon=True).start()

    def _connection(self, stream, node):
        try:
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stream.settimeout(self._keep_alive_seconds)
            if self._tls:
                stream = self._tls.wrap_socket(stream, server_side=True)
            Connection(stream, node, self._handle).serve()
        except OSError:  # A client that breaks a TLS handshake off, too.
            stream.close()


def tls_settings(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context
