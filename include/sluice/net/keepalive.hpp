// Whether a peer that says nothing is still there: the kernel asks it (TCP keepalive), and ends the
// connection when it hears nothing for two minutes. A peer that is switched off, or behind a router that has
// forgotten the connection, is found by nothing else.
#pragma once

namespace sluice::net {

// Of a TCP socket; a listening one hands it down to what it accepts. Harmless elsewhere.
void probe_silent_peer(int fd);

}  // namespace sluice::net
