#include "loadgen/help.hpp"

namespace sluice::bench {

const std::string_view help_text =
    R"(sluice-bench: load with a fixed schedule, and latency that hides nothing

usage: sluice-bench load --url URL --rate N | --closed | --replay LOG [OPTION]...
       sluice-bench capacity --url URL [--p99 TIME] [--errors PERCENT] [OPTION]...
       sluice-bench idle --url URL [OPTION]...

load      offers N requests per second, whatever the server makes of them (an open loop). A request's
          latency counts from the moment it was due, not from when a connection was free for it: where
          the server stalls, the requests that had to wait say so. Reported beside it is the service
          time, from the actual start. With --closed instead, every connection asks again as soon as
          it is answered: that finds the ceiling, and hides every stall.
capacity  raises the rate until p99 or errors break the objective, then closes in on the highest rate
          that keeps it, and says how many requests per second and core to plan with.
idle      opens connections, prints "ready", and holds them until its standard input ends or TERM
          comes.

Where to
  --url http[s]://HOST[:PORT][/PATH]
  --connections N        connections kept open, of all threads together (default 64)
  --http 1.1|2           2: by ALPN over TLS, by prior knowledge without (default 1.1)
  --streams N            requests at a time on each HTTP/2 connection (default 1)
  --timeout TIME         give up on a request, or on a connection, after this long (default 10s)
What to send
  --method NAME          default GET
  --header 'Name: value' may be repeated
  --vary 'Name: value'   a field with another value in each request, as if many clients sent them: {n} in it
                         stands for 1 to the number of values, {ip} for as many addresses from 10.0.0.0 on
  --values N             how many of them, in turn (default 1000000, at most 16777216)
  --body-size SIZE       a request body of that many bytes (100, 16KiB, 1MiB)
  --body-file FILE       a request body out of a file
  --requests FILE        these requests in turn, one a line: METHOD TARGET, then fields, each behind a
                         bar between blanks: POST /orders | Accept: text/html | Content-Length: 512
                         Host overrides the host, Content-Length asks for a body of that size;
                         # begins a comment line
Whom to name
  --host NAME            the Host field, where it differs from the URL's
  --hosts N              name N hosts in turn instead:
  --pattern TEXT           made from this, {n} being 1 to N (default tenant-{n}.example.test)
  --distribution KIND      uniform: each as often; zipf: host n with 1/n the share of host 1
TLS (1.2 and 1.3)
  --ca FILE              trust these certificates instead of the system's
  --insecure             trust any certificate
  --sni NAME             name to ask for and to verify; default: the host of the request that opens the
                         connection, and for connections opened in advance each host in turn
Load and capacity
  --rate N               requests per second; of capacity, the first that is tried (default 1000)
  --arrivals KIND        even: equal gaps (default); poisson: as from many independent users
  --threads N            each with its own share of connections and schedule (default 1)
  --duration TIME        measured time (default 10s; of capacity, of each step, 5s)
  --warmup TIME          the same load before, not measured (default 2s; capacity 1s; replay 0s)
  --grace TIME           how long to wait for late answers in the end (default 2s)
  --keepalive yes|no     no: a new connection for every request, within its latency (default yes)
  --resume yes|no        resume TLS sessions (default no: every connection costs the server the same)
  --read-rate N/s        each connection reads so many bytes a second (1000/s, 64KiB/s): slow readers
  --server-pid PID       a server on this machine: report what it and its children use of processors
  --progress             a line a second on stderr, also when that is no terminal
Load only
  --closed               no schedule: ask again at once
  --replay LOG           requests and times out of an access log: Sluice's own JSON lines, or the combined
                         format, also with the virtual host in front. Any answer below 400, or of the class
                         that was logged, is ok. Ends with the log; --duration ends it before
  --speed X              X times as fast as the log (default 1)
  --announce             print "measuring" and "measured" to stderr as measured time starts, ends
Capacity only
  --p99 TIME             objective: p99 of the latency is at most this (default 100ms)
  --errors PERCENT       objective: at most this many requests without a good answer (default 0.1)
  --server-cores N       the cores that the server has (default 1)
  --highest-rate N       try no more than this (default 1000000)
Idle only
  --request-first        one request on each connection before it rests
  --request-last         one more in the end: shows that the connections were alive
All
  --json                 the report as JSON instead of text

Every scheduled request is accounted for:
  scheduled = sent + unsent; unsent: no connection was free for it until the grace time ended
  sent = ok + failed + unanswered; ok: a complete answer with a status below 400
  failed, by kind:
    connect     no TCP connection         local     no port or descriptor left on this machine
    tls         no TLS, or not that HTTP  reset     broken before the answer's head was complete
    closed      ended without an answer   refused   HTTP/2: not processed (REFUSED_STREAM, GOAWAY)
    timeout     not answered in time      short_body  broken off within the body
    protocol    not HTTP                  status_4xx, status_5xx
A request whose connection is known to be closed opens it again, within its own latency. Nothing is
retried. The report also says what the generator itself cost, and whether it, rather than the
server, was the bottleneck: it had no processor to spare, or started requests late.

Exit codes: 0 measured, 1 could not, 2 usage.
)";

}  // namespace sluice::bench
