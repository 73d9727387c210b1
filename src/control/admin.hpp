// The admin address: a small HTTP server on loopback or a unix socket, on the control thread. Beast's parser
// is good enough here: whoever reaches this address may steer the process anyway.
#pragma once

#include "sluice/base/socket_file.hpp"
#include "sluice/control/steering.hpp"

#include <string>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>

namespace sluice::control {

class Admin {
 public:
  Admin(boost::asio::io_context& io, Steering& steering) : io_(io), steering_(steering), acceptor_(io) {}

  // Returns "" or what went wrong.
  std::string listen(const SocketAddress& address);
  // With the port the kernel chose.
  std::string address() const;

 private:
  void accept();

  boost::asio::io_context& io_;
  Steering& steering_;
  SocketFile file_;
  boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol> acceptor_;
};

}  // namespace sluice::control
