package label

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// guesses make of a value that cannot be followed what may be meant by it, by the label's short name. What they return
// need not be right: only a value that can be followed is proposed.
var guesses = map[string]func(string) []string{
	"path":            guessPath,
	"host":            guessHost,
	"port":            guessPort,
	"scheme":          guessOf(map[string]string{"grpc": "h2c", "h2": "h2c", "http2": "h2c", "http/2": "h2c", "http1": "http", "http/1.1": "http", "tls": "https", "ssl": "https", "tcp": "http", "ws": "http", "wss": "https"}),
	"mount":           guessOf(map[string]string{"true": "strip", "yes": "strip", "stripprefix": "strip", "false": "preserve", "no": "preserve", "none": "preserve", "keep": "preserve"}),
	"expires":         guessDay,
	"lb":              guessOf(map[string]string{"rr": "round-robin", "roundrobin": "round-robin", "round_robin": "round-robin", "wrr": "round-robin", "cookie": "sticky", "true": "sticky", "least_conn": "p2c", "leastconn": "p2c", "random": "p2c"}),
	"drain":           guessDuration,
	"idle":            guessIdle,
	"rate":            guessRate,
	"body.max":        guessSize,
	"compress":        guessOf(map[string]string{"true": "on", "yes": "on", "1": "on", "gzip": "on", "zstd": "on", "false": "off", "no": "off", "0": "off", "none": "off"}),
	"tls.redirect":    guessOf(map[string]string{"true": "on", "yes": "on", "1": "on", "https": "on", "false": "off", "no": "off", "0": "off", "none": "off", "http": "off"}),
	"health.path":     guessCheck,
	"health.interval": guessDuration,
	"health.timeout":  guessDuration,
	"health.rise":     guessNumber,
	"health.fall":     guessNumber,
	"health.start":    guessDuration,
}

// propose says what to write in the place of a value that cannot be followed: one that can be followed and be shown. Quotes
// come first: in the list form of labels they are part of the value. Without a proposal it is what the reader says.
func propose(c Claim, field, value, said string) string {
	works := func(candidate string) bool {
		if candidate == value || candidate == "" || len(candidate) > maxShown || !utf8.ValidString(candidate) || strings.ContainsFunc(candidate, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return false
		}
		scratch := c
		return reader(field)(&scratch, candidate) == nil
	}
	bare := unquote(value)
	if works(bare) {
		return "write " + bare
	}
	if word, is := strings.CutPrefix(said, "write "); is && word != "" && '0' <= word[0] && word[0] <= '9' && works(first(word)) {
		return said
	}
	if guess := guesses[field]; guess != nil {
		for _, candidate := range guess(bare) {
			if works(candidate) {
				return "write " + candidate + otherwise[field]
			}
		}
	}
	if field == "path" {
		return "write a prefix such as /robots, or / for the whole host"
	}
	return said
}

// otherwise is what else can be done, where what is proposed is not all that may be meant.
var otherwise = map[string]string{"host": ", or remove the label to serve any host"}

// unquote takes quotes of all kinds and space off both ends.
func unquote(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return strings.ContainsRune("\"'`“”‘’«»„", r) || unicode.IsSpace(r) })
}

// first is the first item of a list that has commas, semicolons or spaces between its items.
func first(s string) string {
	items := strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ';' || unicode.IsSpace(r) })
	if len(items) == 0 {
		return ""
	}
	return unquote(items[0])
}

// argument is what rules of other proxies have between parentheses: PathPrefix(`/robots`).
var argument = regexp.MustCompile("(?i)(path|host)\\w*\\(\\s*[`'\"]?([^`'\"),]*)")

// ofRule is the argument of a rule about a path or a host, or s itself.
func ofRule(s, about string) string {
	for _, found := range argument.FindAllStringSubmatch(s, -1) {
		if strings.EqualFold(found[1], about) {
			return found[2]
		}
	}
	return s
}

// patterned is what begins a part of a path that stands for any text in the patterns of other proxies and frameworks.
const patterned = "*{}()[]^$|<>"

// pattern reports whether a path is one, which would be taken literally.
func pattern(s string) bool {
	return strings.ContainsAny(s, "*{}[]^|<>`\"") || strings.HasSuffix(s, "$") || strings.Contains(s, "/:") || strings.Contains(s, "(?") || strings.Contains(s, ".+")
}

func guessPath(s string) []string {
	s = ofRule(s, "path")
	if _, after, found := strings.Cut(s, "://"); found {
		_, rest, _ := strings.Cut(after, "/")
		s = "/" + rest
	}
	var all []string
	for _, one := range []string{s, first(strings.TrimLeft(s, "~*= "))} {
		one = unquote(strings.TrimLeft(unquote(one), "~=^([ "))
		one = strings.ReplaceAll(one, `\`, "/")
		if end := strings.IndexAny(one, "?#"); end >= 0 {
			one = one[:end]
		}
		if end := strings.IndexAny(one, patterned); end >= 0 {
			one = strings.TrimRight(one[:end], ".")
		}
		if end := strings.Index(one, "/:"); end >= 0 {
			one = one[:end]
		}
		if host, rest, found := strings.Cut(one, "/"); found && strings.ContainsAny(host, ".:") {
			one = rest
		}
		one = path.Clean("/" + strings.Trim(one, "/ "))
		if one == "/" && !anyPath(s) {
			continue
		}
		if end := strings.IndexFunc(one, unicode.IsSpace); end >= 0 {
			all = append(all, strings.ReplaceAll(one, " ", "%20"))
			continue
		}
		all = append(all, one, escapedSlash.ReplaceAllString(one, "/"), strings.ReplaceAll(one, "%", "%25"))
	}
	// A list of paths is one after the other, and a space in a path is escaped.
	if strings.ContainsAny(s, ",;") || strings.Contains(s, " /") {
		slices.Reverse(all)
	}
	return all
}

// anyPath reports whether a value that has no prefix in it may mean the whole host: a variable that nobody replaced does not.
func anyPath(s string) bool {
	s = strings.TrimLeft(s, "~=^ ")
	return s != "" && strings.IndexByte("/*.", s[0]) >= 0
}

// escapedSlash is what separates no segments.
var escapedSlash = regexp.MustCompile("(?i)%(2f|5c)")

func guessHost(s string) []string {
	s = ofRule(s, "host")
	if _, after, found := strings.Cut(s, "://"); found {
		s = after
	}
	s = strings.TrimLeft(first(s), "*.^")
	s, _, _ = strings.Cut(s, "/")
	bare, _, _ := strings.Cut(s, ":")
	return []string{s, bare, strings.ReplaceAll(bare, `\.`, ".")}
}

// namedPorts are what people call ports.
var namedPorts = map[string]string{"http": "80", "https": "443", "web": "80"}

func guessPort(s string) []string {
	s = first(s)
	if _, after, found := strings.Cut(s, "://"); found {
		s, _, _ = strings.Cut(after, "/")
	}
	s, _, _ = strings.Cut(s, "/")
	inside := s[strings.LastIndexByte(s, ':')+1:]
	least, _, _ := strings.Cut(inside, "-")
	return []string{inside, least, strings.TrimLeft(least, "0+"), namedPorts[strings.ToLower(s)]}
}

// guessOf knows what a few words mean, whatever their case.
func guessOf(words map[string]string) func(string) []string {
	return func(s string) []string {
		word := strings.ToLower(first(strings.TrimSuffix(s, "://")))
		return []string{word, words[word]}
	}
}

// days are the ways in which people write a day.
var days = []string{
	"2006-1-2", "2006/1/2", "2006.1.2", "20060102", "2.1.2006", "Jan 2 2006", "January 2 2006", "2 Jan 2006", "2 January 2006", time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05",
}

func guessDay(s string) []string {
	for _, layout := range days {
		if day, err := time.Parse(layout, strings.ReplaceAll(s, ",", "")); err == nil {
			return []string{day.Format(time.DateOnly)}
		}
	}
	return nil
}

// span is a number and a unit of time.
var span = regexp.MustCompile(`(?i)^([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)$`)

// spans are the units of time that people write, by what they begin with.
var spans = []struct{ begins, unit string }{
	{"ms", "ms"}, {"milli", "ms"}, {"s", "s"}, {"m", "m"}, {"h", "h"},
}

func guessDuration(s string) []string {
	joined := strings.Join(strings.Fields(strings.ToLower(s)), "")
	all := []string{joined}
	if iso, is := strings.CutPrefix(joined, "pt"); is {
		all = append(all, iso)
	}
	found := span.FindStringSubmatch(s)
	if found == nil {
		return all
	}
	number, unit := found[1], strings.ToLower(found[2])
	switch unit {
	case "":
		all = append(all, number+"s", number+"ms")
	case "d", "day", "days":
		if n, err := strconv.Atoi(number); err == nil && n < 1000 {
			all = append(all, strconv.Itoa(24*n)+"h")
		}
	}
	for _, known := range spans {
		if unit != "" && strings.HasPrefix(unit, known.begins) {
			all = append(all, number+known.unit)
			break
		}
	}
	return all
}

func guessIdle(s string) []string {
	switch strings.ToLower(s) {
	case "0", "0s", "off", "no", "none", "false":
		return []string{Never}
	}
	return guessDuration(s)
}

// rated is a number of requests, and in what time.
var rated = regexp.MustCompile(`(?i)^([0-9]+)\s*(?:r|req|reqs|requests?)?\s*(?:/|per|p)?\s*1?\s*(?:([smh])[a-z]*)?(?:[\s,;]+(?:burst\s*[=:]?\s*)?([0-9]+))?$`)

func guessRate(s string) []string {
	found := rated.FindStringSubmatch(s)
	if found == nil {
		return nil
	}
	per := strings.ToLower(found[2])
	if per == "" {
		per = "s"
	}
	rate := found[1] + "/" + per
	if found[3] != "" {
		return []string{rate + ",burst=" + found[3], rate}
	}
	return []string{rate}
}

// sized is a number of bytes with a unit.
var sized = regexp.MustCompile(`(?i)^([0-9]+)(?:[.,]([0-9]))?\s*([kmgt]?)(i?)(?:b|bytes?)?$`)

func guessSize(s string) []string {
	found := sized.FindStringSubmatch(s)
	if found == nil {
		return nil
	}
	number, unit := found[1], strings.ToUpper(found[3])
	if tenth := found[2]; tenth != "" && unit != "" {
		smaller := map[string]string{"K": "", "M": "k", "G": "M", "T": "G"}[unit]
		number, unit = number+tenth+"00", smaller
	}
	if unit == "K" && found[4] == "" {
		unit = "k"
	}
	return []string{number + unit + found[4] + "B"}
}

// guessCheck is what a check may ask for: the path of a URL, or one whose slash is missing.
func guessCheck(s string) []string {
	return slices.DeleteFunc(append([]string{askable(s)}, guessPath(s)...), func(path string) bool { return path == "/" })
}

func guessNumber(s string) []string {
	digits := strings.TrimLeft(strings.TrimRight(strings.TrimSpace(s), "xX times"), "0+")
	whole, _, _ := strings.Cut(digits, ".")
	if n, err := strconv.ParseUint(whole, 10, 63); err == nil && n > mostInARow {
		return []string{strconv.Itoa(mostInARow)}
	}
	return []string{digits, whole}
}
