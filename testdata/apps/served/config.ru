# A Rack program. Its server takes the socket that is held, and finishes what it began, by itself.
IO.for_fd(ENV.fetch('NODE_CHANNEL_FD').to_i, 'w', autoclose: false).syswrite("\"ready\"\n")
run ->(_env) { [200, { 'content-type' => 'text/plain' }, ["rack #{Process.pid}\n"]] }
