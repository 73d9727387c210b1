"""Requests that do not say clearly where they want to go: Host and request target."""

from cases_requests import case, get, shown, told

HOSTS = ["", " ", "a b", "a,b", "a, b", "user@app.test", "user:secret@app.test", "app.test:80@evil.test", "app.test:99999",
         "app.test:65536", "app.test:-1", "app.test:+80", "app.test:80x", "app.test:x80", "app.test: 80", "app.test :80",
         "app.test:80:80", "app.test:0x50", "app.test:8 0", ":80", ":", "[::1", "::1", "[::1]x", "[::1]80", "[zz]", "[]", "[",
         "]", "[::1]:99999", "[::1]]", "[[::1]]", "[::g]", "[app.test]", "app.test/", "app.test/x", "app.test?x", "app.test#x",
         "app.test\\", "app\\.test", "app%00.test", "app%2etest", "app..test", ".app.test", ".", "..", "http://app.test",
         "http://app.test/", "//app.test", "*", "*.test", "a;b", 'a"b', '"app.test"', "<app.test>", "a|b", "a^b", "a`b", "a{b}",
         "a=b", "a&b", "a!b", "a$b", "a'b", "a(b)", "a+b", "a~b", "app.test\x80", "\xffapp.test", "b\xfccher.test",
         "bücher.test".encode().decode("latin-1"), "a" * 64 + ".test", ".".join(["a" * 60] * 5), "app.test\tx", "a\tb",
         "app.test..", "app.test.:", "app.test,", ",app.test", "app.test;", "app.test:80,evil.test", "xn--\xfc"]
TOLERABLE = {"app.test.:"}  # `port = *DIGIT`: an empty port is grammar; see the tolerated table

hosts = [case(f"host-{shown(h)}", get(host=h)) for h in HOSTS if h not in TOLERABLE]
hosts += [
    case("host-missing", get(host=None)),
    case("host-missing-post", b"POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"),
    case("host-twice-same", get("Host: app.test")),
    case("host-twice-different", get("Host: evil.test")),
    case("host-twice-cases", get("HOST: app.test")),
    case("host-twice-one-empty", get("Host:")),
    case("host-thrice", get("Host: app.test", "host: app.test")),
    case("host-twice-1.0", get("Host: evil.test", version="HTTP/1.0")),
    case("host-bad-1.0", get(host="a b", version="HTTP/1.0")),
    case("host-apart", get("A: b", "Host: evil.test", "C: d")),
    case("host-no-value-no-space", b"GET /x HTTP/1.1\r\nHost:\r\n\r\n"),
]

ABSOLUTE = {
    "other-host": get(target="http://evil.test/x"),
    "other-host-swapped": get(target="http://app.test/x", host="evil.test"),
    "other-port": get(target="http://app.test:8081/x", host="app.test:8082"),
    "port-only-in-target": get(target="http://app.test:8081/x", host="app.test"),
    "port-only-in-host": get(target="http://app.test/x", host="app.test:8081"),
    "empty-host-field": get(target="http://app.test/x", host=""),
    "no-host-field": get(target="http://app.test/x", host=None),
    "two-host-fields": get("Host: app.test", target="http://app.test/x"),
    "userinfo": get(target="http://user@app.test/x"),
    "userinfo-password": get(target="http://user:secret@app.test/x"),
    "userinfo-empty": get(target="http://@app.test/x"),
    "userinfo-looks-like-host": get(target="http://app.test:80@evil.test/x"),
    "no-host": get(target="http:///x"),
    "nothing-after-scheme": get(target="http://"),
    "nothing-after-colon": get(target="http:"),
    "no-slashes": get(target="http:app.test/x"),
    "one-slash": get(target="http:/app.test/x"),
    "backslashes": get(target="http:\\\\app.test\\x"),
    "backslash-in-host": get(target="http://app.test\\@evil.test/x"),
    "three-slashes": get(target="http:////app.test/x"),
    "only-port": get(target="http://:80/x"),
    "bad-port": get(target="http://app.test:99999/x"),
    "letters-in-port": get(target="http://app.test:80x/x"),
    "space-in-host": get(target="http://app .test/x"),
    "percent-in-host": get(target="http://app%2etest/x"),
    "raw-host": get(target="http://app\xfc.test/x"),
    "open-bracket": get(target="http://[::1/x", host="[::1]"),
    "fragment": get(target="http://app.test/x#y"),
    "dots": get(target="http://app.test/../x"),
    "dots-encoded": get(target="http://app.test/%2e%2e/x"),
    "nul-encoded": get(target="http://app.test/%00"),
    "ftp": get(target="ftp://app.test/x"),
    "file": get(target="file:///etc/passwd"),
    "gopher": get(target="gopher://app.test/x"),
    "ws": get(target="ws://app.test/x"),
    "javascript": get(target="javascript:alert(1)"),
    "scheme-empty": get(target="://app.test/x"),
    "scheme-digit": get(target="1http://app.test/x"),
    "scheme-long": get(target="httpx://app.test/x"),
    "scheme-short": get(target="htt://app.test/x"),
    "unix": get(target="unix:/var/run/docker.sock:http://app.test/x"),
}
absolute = [case(f"absolute-{name}", request) for name, request in ABSOLUTE.items()]

# Neither origin-form, nor absolute-form, nor `*` for OPTIONS.
FORMS = ["x", "x/y", "?x", "#", "\\x", "*", "*x", "/*\x00", "app.test:80", "app.test", ":80", "@evil.test", "@evil.test/x",
         ":@evil.test/", "\\\\evil.test\\x", "%2fx", ".", "..", "../x", "./x", "~", ";", "[::1]:80"]
forms = [case(f"form-{shown(t)}", get(target=t)) for t in FORMS]
forms += [case("form-asterisk-post", get("Content-Length: 0", target="*", method="POST")),
          case("form-asterisk-options-path", get(target="*/x", method="OPTIONS")),
          case("form-options-double-asterisk", get(target="**", method="OPTIONS"))]

PATHS = {
    "fragment": "/x#y", "fragment-empty": "/x#", "fragment-in-query": "/x?a#b", "fragment-only": "/#",
    "backslash": "/x\\y", "backslash-dots": "/..\\x", "backslash-first": "/\\evil.test",
    "raw-8-bit": "/\xe9", "raw-utf-8": "/é".encode().decode("latin-1"), "raw-ff": "/\xff", "raw-in-query": "/x?a=\xe9",
    "raw-nbsp": "/x\xa0y", "space-in-path": "/x y", "space-in-query": "/x?a b", "tab": "/x\ty",
    "percent-nul": "/%00", "percent-nul-inside": "/x%00y", "percent-nul-suffix": "/x.php%00.jpg",
    "percent-alone": "/%", "percent-one-digit": "/%4", "percent-no-hex": "/%zz", "percent-half-hex": "/%4g",
    "percent-u": "/%u0041", "percent-percent": "/%%41", "percent-space": "/%2 0", "percent-before-query": "/x%?y",
    "dots-up": "/../", "dots-up-bare": "/..", "dots-up-file": "/../x", "dots-up-twice": "/../../etc/passwd",
    "dots-up-inside": "/a/../b", "dots-up-end": "/a/..", "dots-up-end-slash": "/a/../", "dots-here": "/./x",
    "dots-here-bare": "/.", "dots-here-inside": "/a/./b", "dots-here-end": "/a/.", "dots-before-query": "/a/..?x",
    "dots-encoded": "/%2e%2e/", "dots-encoded-upper": "/%2E%2E/x", "dots-encoded-one": "/%2e/x",
    "dots-encoded-bare": "/%2e%2e", "dots-encoded-half": "/%2e./x", "dots-encoded-other-half": "/.%2e/x",
    "dots-encoded-inside": "/a/%2e%2e/b", "dots-encoded-end": "/a/%2e%2e", "dots-then-encoded-slash": "/a/..%2fb",
    "dots-then-encoded-slash-upper": "/a/..%2Fb", "dots-between-encoded-slashes": "/a%2f..%2fb",
    "dots-after-encoded-slash": "/a%2f../b", "dots-all-encoded": "/a/%2e%2e%2fb", "dots-first-encoded": "/..%2fb",
    "dots-encoded-backslash": "/a/..%5cb", "dots-encoded-backslashes": "/a%5c..%5cb", "dots-after-double-slash": "//../x",
    "dots-here-encoded-slash": "/a/.%2fb",
}
paths = [case(f"path-{name}", get(target=target)) for name, target in PATHS.items()]

# Which rule each of them breaks.
hosts = told("host-byte", hosts,
             host_port="host-userx3asecret@app.test host-app.testx3a80@evil.test host-app.testx3a99999 host-app.testx3a65536 "
                       "host-app.testx3a-1 host-app.testx3a+80 host-app.testx3a80x host-app.testx3ax80 host-app.testx3a_80 "
                       "host-app.testx3a80x3a80 host-app.testx3a0x50 host-app.testx3a8_0 host-x5bx3ax3a1x5dx host-x5bx3ax3a1x5d80 "
                       "host-x5bx3ax3a1x5dx3a99999 host-x5bx3ax3a1x5dx5d host-x5bx5bx3ax3a1x5dx5d host-httpx3a//app.test "
                       "host-httpx3a//app.test/ host-app.testx3a80,evil.test",
             two_hosts="host-twice-same host-twice-different host-twice-cases host-twice-one-empty host-thrice host-twice-1.0 "
                       "host-apart",
             missing_host="host- host-_ host-x3a80 host-missing host-missing-post host-no-value-no-space host-x3a host-x3ax3a1",
             host_address="host-x5bx3ax3a1 host-x5bzzx5d host-x5bx5d host-x5b host-x5bx3ax3agx5d host-x5bapp.testx5d",
             host_label="host-app..test host-.app.test host-. host-.. host-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa..69 "
                        "host-app.test..",
             host_length="host-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa..304")
absolute = told("target-form", absolute,
                absolute_form_host="absolute-other-host absolute-other-host-swapped absolute-other-port absolute-port-only-in-target "
                                   "absolute-port-only-in-host",
                missing_host="absolute-empty-host-field absolute-no-host-field absolute-no-host absolute-three-slashes "
                             "absolute-only-port",
                host_byte="absolute-userinfo absolute-userinfo-empty absolute-backslash-in-host absolute-percent-in-host "
                          "absolute-raw-host",
                host_port="absolute-userinfo-password absolute-userinfo-looks-like-host absolute-bad-port absolute-letters-in-port",
                dot_segment="absolute-dots absolute-dots-encoded",
                two_hosts="absolute-two-host-fields",
                request_line="absolute-space-in-host",
                host_address="absolute-open-bracket",
                path_byte="absolute-fragment",
                encoded_nul="absolute-nul-encoded")
forms = told("target-form", forms,
             asterisk_form="form-* form-asterisk-post",
             path_byte="form-/*x00")
paths = told("dot-segment", paths,
             path_byte="path-fragment path-fragment-empty path-fragment-only path-backslash path-backslash-dots "
                       "path-backslash-first path-raw-8-bit path-raw-utf-8 path-raw-ff path-raw-nbsp",
             bad_percent="path-percent-alone path-percent-one-digit path-percent-no-hex path-percent-half-hex path-percent-u "
                         "path-percent-percent path-percent-before-query",
             request_line="path-space-in-path path-space-in-query path-tab path-percent-space",
             encoded_nul="path-percent-nul path-percent-nul-inside path-percent-nul-suffix",
             query_byte="path-fragment-in-query path-raw-in-query")

CASES = hosts + absolute + forms + paths
