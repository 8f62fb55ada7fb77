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

// checkOwned refuses what belongs to another project.
func checkOwned(c *check, e entry) {
	if external := lookUp(e.value, "external"); c.on(external) {
		c.find(External, external.Line, "it is not the project's own")
	}
	if name := lookUp(e.value, "name"); name != nil && !OwnName(c.w.src.Name, c.text(name)) {
		c.find(External, name.Line, "the name %s does not begin with %s_", shown(c.text(name)), c.w.src.Name)
	}
	if labels := lookUp(e.value, "labels"); labels != nil {
		checkNetworkLabels(c.in("labels"), entry{line: labels.Line, value: labels})
	}
}

// checkNetworkLabels are those of networks and volumes, of which gateway's own say what the network is for.
func checkNetworkLabels(c *check, e entry) {
	for _, p := range c.pairs(e.value) {
		if why := ClaimedLabel(p.key, p.value); why != "" && !RoleOfNetwork(p.key, p.value) {
			c.find(Labels, p.line, "label %s: %s", shown(p.key), why)
		}
	}
}

func checkNetwork(c *check, e entry) {
	checkOwned(c, e)
	if driver := lookUp(e.value, "driver"); driver != nil && !OwnNetwork(c.text(driver)) {
		c.find(Networks, driver.Line, "driver %s is not bridge", shown(c.text(driver)))
	}
	for _, p := range c.pairs(lookUp(e.value, "driver_opts")) {
		if !HarmlessNetworkOption(p.key) {
			c.find(Networks, p.line, "option %s changes the machine's network", shown(p.key))
		}
	}
	ipam := lookUp(e.value, "ipam")
	if driver := lookUp(ipam, "driver"); driver != nil && c.text(driver) != "default" && c.text(driver) != "" {
		c.find(Networks, driver.Line, "ipam driver %s is not default", shown(c.text(driver)))
	}
	for _, config := range items(lookUp(ipam, "config")) {
		if subnet := lookUp(config, "subnet"); subnet != nil && !PrivateSubnet(c.text(subnet)) {
			c.find(Networks, subnet.Line, "%s is no private subnet of at most 65,536 addresses", shown(c.text(subnet)))
		}
	}
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

// checkObject looks at one of the top-level configs and secrets.
func checkObject(c *check, e entry) {
	if external := lookUp(e.value, "external"); c.on(external) {
		c.find(External, external.Line, "it is not the project's own")
	}
	if file := lookUp(e.value, "file"); file != nil {
		c.read(Files, file, c.text(file))
	}
	for _, key := range []string{"driver", "template_driver", "driver_opts"} {
		if n := lookUp(e.value, key); n != nil {
			some(Files, "a driver may read what is not the project's")(c.in(key), entry{key, n.Line, n})
		}
	}
}

func checkModel(c *check, e entry) {
	c.find(Provider, e.line, "Compose would run a program of the machine")
}
