package policy

import (
	"net/netip"
	"regexp"
	"strings"
)

var nameForm = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

// OwnName reports whether a network, volume, config or secret of that name is the project's: what Compose would call it
// begins with the project's name and an underscore.
func OwnName(project, name string) bool {
	return name == "" || strings.HasPrefix(name, project+"_") && nameForm.MatchString(name)
}

// OwnNetwork reports whether a network with that driver is the project's alone.
func OwnNetwork(driver string) bool { return driver == "" || driver == "bridge" || driver == "default" }

// HarmlessNetworkOption reports whether an option of the bridge driver concerns that network alone.
func HarmlessNetworkOption(name string) bool {
	return name == "com.docker.network.driver.mtu" || name == "com.docker.network.bridge.enable_icc"
}

// PrivateSubnet reports whether a subnet takes no addresses of the internet, and not too many of the others. What is no
// subnet is for the engine to refuse.
func PrivateSubnet(s string) bool {
	subnet, err := netip.ParsePrefix(s)
	if err != nil {
		return true
	}
	return subnet.Addr().IsPrivate() && (subnet.Addr().Is6() && subnet.Bits() >= 48 || subnet.Addr().Is4() && subnet.Bits() >= 16)
}

// PrivatePropagation reports whether mounts inside a bind mount stay on their side.
func PrivatePropagation(p string) bool { return p == "" || p == "private" || p == "rprivate" }

// OwnVolume reports whether a volume with that driver keeps to itself.
func OwnVolume(driver string) bool { return driver == "" || driver == "local" }
