package project

import (
	"fmt"
	"strings"

	"gateway/cmd/cli"
	"gateway/proxy/label"
)

// claim reads the words of a call by the rules of labels, so that both have the same.
func claim(path, host, owner string) (label.Claim, error) {
	labels := map[string]string{label.Path: path}
	for name, value := range map[string]string{label.Host: host, label.Owner: owner} {
		if value != "" {
			labels[name] = value
		}
	}
	claims, problems := label.Parse(labels)
	if len(problems) > 0 {
		p := problems[0]
		flag := "--" + p.Label[strings.LastIndexByte(p.Label, '.')+1:]
		return label.Claim{}, cli.Usage(fmt.Errorf("%s: %s; %s", flag, strings.TrimPrefix(p.Message, p.Label+": "), p.Fix))
	}
	return claims[0], nil
}
