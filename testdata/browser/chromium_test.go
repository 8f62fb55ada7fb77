package browser_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"

	"github.com/chromedp/chromedp"
	"golang.org/x/sys/unix"
)

// A browser gives up the connections that it is making (net::ERR_NETWORK_CHANGED) when an address of its machine comes or
// goes, and here the networks of other tests do all the time. So it is not told: this binary starts it without netlink.

// shielded names the browser to start, in the environment of a process that does nothing else.
const shielded = "GATEWAY_BROWSER_SHIELDED"

// withoutNetlink has the browser started by way of shield.
func withoutNetlink(a *chromedp.ExecAllocator) {
	chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) {
		cmd.Env = append(cmd.Environ(), shielded+"="+cmd.Path)
		cmd.Path = "/proc/self/exe"
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // as by default
	})(a)
}

// shield becomes the browser, for which the address family of netlink does not exist from then on.
func shield(browser string) error {
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("giving up privileges: %w", err)
	}
	const number, family = 0, 16 // where struct seccomp_data has the call's number and the low half of its first argument
	rules := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: number},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_SOCKET, Jf: 3},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: family},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.AF_NETLINK, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EAFNOSUPPORT)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	filter := unix.SockFprog{Len: uint16(len(rules)), Filter: &rules[0]}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&filter)), 0, 0); err != nil {
		return fmt.Errorf("taking netlink from the browser: %w", err)
	}
	return fmt.Errorf("starting %s: %w", browser, syscall.Exec(browser, os.Args, os.Environ()))
}
