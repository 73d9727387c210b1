"""Header blocks that cannot be decoded; h2spec's "hpack"."""

from cases_http2 import case, connection_error, request
from http2 import INDEXED, Code, Setting, integer, literal, string, table_size

BROKEN = connection_error(Code.COMPRESSION_ERROR)
X_TEST = b"\x00" + string("x-test", huffman=True)


def value(octets):
    """x-test with a Huffman-coded value of these very bytes."""
    return request(suffix=X_TEST + integer(len(octets), 7, 0x80) + octets)


def size_beyond_the_limit(peer):
    return request(prefix=table_size(peer.settings.get(Setting.HEADER_TABLE_SIZE, 4096) + 1))(peer)


CASES = [
    case("hpack/2.3.3/1", "an indexed field beyond both tables", request(suffix=b"\xc6"), BROKEN),
    case("hpack/2.3.3/2", "a literal whose name is beyond both tables", request(suffix=literal(70, "", INDEXED)), BROKEN),
    case("hpack/4.2/1", "a table size update at the end of a block", request(suffix=table_size(1)), BROKEN),
    case("hpack/5.2/1", "Huffman padding longer than 7 bits", value(b"\x49\x50\x9f\xff"), BROKEN),
    case("hpack/5.2/2", "Huffman padding of zeros", value(b"\x49\x50\x90"), BROKEN),
    case("hpack/5.2/3", "EOS inside a Huffman string", value(b"\x49\x51\xff\xff\xff\xfa\x7f"), BROKEN),
    case("hpack/6.1/1", "index 0", request(suffix=b"\x80"), BROKEN),
    case("hpack/6.3/1", "a table size above the limit", size_beyond_the_limit, BROKEN),
]
