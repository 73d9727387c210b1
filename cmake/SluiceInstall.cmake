# What `make install` puts where (GNUInstallDirs; prefix /usr/local unless told otherwise).
include(GNUInstallDirs)
install(TARGETS sluice sluice-origin sluice-bench RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES conf/sluice.yaml conf/tenants.yaml DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(DIRECTORY conf/migrating conf/container DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
configure_file(systemd/sluice.service.in systemd/sluice.service @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/systemd/sluice.service DESTINATION lib/systemd/system)
install(FILES systemd/sluice.socket DESTINATION lib/systemd/system)
install(FILES systemd/sluice.sysusers DESTINATION lib/sysusers.d RENAME sluice.conf)
