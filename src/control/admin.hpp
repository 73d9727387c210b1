// The admin address: a small HTTP server on loopback or a unix socket, on the control thread. Beast's parser
// is good enough here: whoever reaches this address may steer the process anyway. What one may hold is
// bounded, in connections, bytes and time, for on loopback that is every user of the machine.
#pragma once

#include "sluice/base/intrusive_list.hpp"
#include "sluice/base/socket_file.hpp"
#include "sluice/control/steering.hpp"
#include "sluice/observe/recurring.hpp"

#include <chrono>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace sluice::control {

class Admin {
 public:
  Admin(boost::asio::io_context& io, Steering& steering);
  ~Admin();
  Admin(const Admin&) = delete;
  Admin& operator=(const Admin&) = delete;

  // Returns "" or what went wrong.
  std::string listen(const SocketAddress& address);
  // With the port the kernel chose.
  std::string address() const;

 private:
  using Protocol = boost::asio::generic::stream_protocol;
  class Connection;

  void accept();
  void admit(Protocol::socket socket);
  void pause(const boost::system::error_code& error);
  boost::asio::awaitable<void> serve(Protocol::socket socket);

  boost::asio::io_context& io_;
  Steering& steering_;
  SocketFile file_;
  boost::asio::basic_socket_acceptor<Protocol> acceptor_;
  boost::asio::steady_timer retry_;
  std::chrono::milliseconds pause_{0};
  observe::Recurring trouble_;
  IntrusiveList<Connection> connections_;  // whose last request is longest ago, first
};

}  // namespace sluice::control
