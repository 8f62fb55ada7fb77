package socket

import (
	"syscall"
	"unsafe"
)

// readable reports that there is data. That the peer has ended shows when something is sent.
func readable(fd uintptr) bool {
	const bytesToRead = 0x4004667f // FIONREAD of winsock2.h.
	var count, returned uint32
	err := syscall.WSAIoctl(syscall.Handle(fd), bytesToRead, nil, 0, (*byte)(unsafe.Pointer(&count)), uint32(unsafe.Sizeof(count)), &returned, nil, 0)
	return err != nil || count > 0
}

// peek does not look at the data here.
func peek(fd uintptr, _ []byte) (n int, waits bool) { return 0, !readable(fd) }
