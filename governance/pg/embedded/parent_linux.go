package embedded

import "syscall"

// endWithParent asks the kernel for SIGINT, a clean and fast shutdown, when
// the thread that forked the server dies with our process, even by kill -9.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }
