package invite

import (
	"fmt"
	"io"
	"net/mail"
	"net/url"
	"os"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"gateway/projects/invite/link"
	"gateway/proxy/document"
)

// Settings is what a page says of itself, as in its page.yaml. All but Kind may be empty.
type Settings struct {
	Kind link.Kind `yaml:"kind"`
	// Club is whose page it is; Name, that of the project, stands in for it.
	Club string `yaml:"club"`
	Name string `yaml:"name"`
	// Title and Text are in English or in whatever the club speaks; the ones in Korean stand in their place there. A
	// page without any says the usual.
	Title       string `yaml:"title"`
	Text        string `yaml:"text"`
	TitleKorean string `yaml:"title-ko"`
	TextKorean  string `yaml:"text-ko"`
	// Contact is who to ask: a mail address, an https URL, or any text. Owner stands in for it where there is no other
	// way in.
	Contact string `yaml:"contact"`
	Owner   string `yaml:"owner"`
	// Domain is that of school addresses that may sign up by themselves, in the Slack Workspace.
	Domain    string `yaml:"domain"`
	Workspace string `yaml:"workspace"`
	// Form offers to ask for an invitation; it takes a webhook to send that to.
	Form bool `yaml:"form"`
}

// SettingsFile is in the folder of a page.
const SettingsFile = "page.yaml"

const maxSettings = 64 << 10

// ReadSettings reads the file at path. Keys it does not know are refused.
func ReadSettings(path string) (Settings, error) {
	f, err := os.Open(path)
	if err != nil {
		return Settings{}, fmt.Errorf("reading the page's settings: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSettings+1))
	if err != nil {
		return Settings{}, fmt.Errorf("reading the page's settings: %w", err)
	}
	s, err := parseSettings(text)
	if err != nil {
		return Settings{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

func parseSettings(text []byte) (Settings, error) {
	if len(text) > maxSettings {
		return Settings{}, fmt.Errorf("it has more than %d bytes", maxSettings)
	}
	var s Settings
	if err := document.Decode(text, &s); err != nil {
		return Settings{}, fmt.Errorf("%w; it knows kind, club, name, title, text, title-ko, text-ko, contact, owner, domain, workspace and form", err)
	}
	for _, value := range s.texts() {
		*value.at = strings.TrimSpace(*value.at)
	}
	return s, s.check()
}

// texts are the settings that people read, and how long they may be.
func (s *Settings) texts() []textSetting {
	return []textSetting{
		{"club", &s.Club, 60},
		{"name", &s.Name, 60},
		{"title", &s.Title, 80},
		{"text", &s.Text, 600},
		{"title-ko", &s.TitleKorean, 80},
		{"text-ko", &s.TextKorean, 600},
		{"contact", &s.Contact, 200},
		{"owner", &s.Owner, 200},
		{"domain", &s.Domain, 200},
		{"workspace", &s.Workspace, 60},
	}
}

type textSetting struct {
	key  string
	at   *string
	most int
}

var (
	domainForm    = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)
	workspaceForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
)

func (s *Settings) check() error {
	kind, err := link.ParseKind(string(s.Kind))
	if err != nil {
		return err
	}
	s.Kind = kind
	for _, value := range s.texts() {
		if n := utf8.RuneCountInString(*value.at); n > value.most {
			return fmt.Errorf("%s has %d characters, and %d is the most; write a shorter one", value.key, n, value.most)
		}
		if strings.ContainsFunc(*value.at, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }) || !utf8.ValidString(*value.at) {
			return fmt.Errorf("%s has characters that cannot be shown; write plain text", value.key)
		}
	}
	s.Domain, s.Workspace = strings.ToLower(strings.TrimPrefix(s.Domain, "@")), strings.ToLower(s.Workspace)
	return s.checkSchool()
}

// checkSchool holds the school's button to Slack, which alone has sign-up by the domain of an address.
func (s *Settings) checkSchool() error {
	switch {
	case s.Domain == "" && s.Workspace == "":
		return nil
	case s.Kind != link.Slack:
		return fmt.Errorf("domain and workspace: kind %s knows no sign-up by the domain of an address; remove both", s.Kind)
	case s.Domain == "":
		return nil
	case !domainForm.MatchString(s.Domain):
		return fmt.Errorf("domain %q is no domain; write the part behind the @, such as school.example", s.Domain)
	case !workspaceForm.MatchString(s.Workspace):
		return fmt.Errorf("workspace %q: domain needs the name of the workspace; of https://robots.slack.com that is robots", s.Workspace)
	}
	return nil
}

// signup is where people with an address of the school sign up by themselves, or empty.
func (s *Settings) signup() string {
	if s.Domain == "" {
		return ""
	}
	return "https://" + s.Workspace + ".slack.com/signup"
}

// called is whose page it is.
func (s *Settings) called() string {
	if s.Club != "" {
		return s.Club
	}
	return s.Name
}

// contact is who to ask, with where a click on it leads, if anywhere.
func contact(text string) (shown, href string) {
	if a, err := mail.ParseAddress(text); err == nil && a.Address == text {
		return text, "mailto:" + url.PathEscape(text)
	}
	if u, err := url.Parse(text); err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil {
		return strings.TrimSuffix(strings.TrimPrefix(text, "https://"), "/"), u.String()
	}
	return text, ""
}
