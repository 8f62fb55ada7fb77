package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"gateway/proxy/header"
)

// Root is the page that tells people how to make their devices trust the root certificate of the gateway. Unlike a Page
// it is what was asked for.
type Root struct {
	// Name is that of the root, Fingerprint its digest in pairs of digits, Expires its end.
	Name, Fingerprint string
	Expires           time.Time
}

// Instruction says how one kind of device is made to trust a root.
type Instruction struct{ System, Text string }

// rootWords are what the page says in one language.
type rootWords struct {
	title, text, compare, certificate, profile, fingerprint, until string
	instructions                                                   []Instruction
}

var rootVocabularies = map[string]rootWords{
	"en": {
		title: "Trust this site",
		text: "This site is for a home network, and signs its certificates by itself. A device that installs its root certificate once shows no warnings any more. " +
			"The root cannot be used for sites of the internet.",
		compare:     "Before you install it, compare the fingerprint with the one that the admin of this site gives you:",
		certificate: "Root certificate", profile: "Profile for iPhone, iPad and Mac", fingerprint: "Fingerprint (SHA-256)",
		until: "Valid until",
		instructions: []Instruction{
			{"Windows", "Open ca.crt and choose Install Certificate, Local Machine, Place all certificates in the following store, Trusted Root Certification Authorities."},
			{"macOS", "Open ca.crt and add it to the System keychain. Open it there, and under Trust choose Always Trust."},
			{"iPhone, iPad", "Open ca.mobileconfig in Safari and allow the download. Install it in Settings, General, VPN & Device Management. Then turn it on in Settings, General, About, Certificate Trust Settings."},
			{"Android", "Download ca.crt. Then open Settings, Security, Encryption & credentials, Install a certificate, CA certificate, and choose the file."},
			{"Linux", "Debian and Ubuntu: sudo openssl x509 -in ca.crt -out /usr/local/share/ca-certificates/gateway.crt, then sudo update-ca-certificates. Fedora: sudo openssl x509 -in ca.crt -out /etc/pki/ca-trust/source/anchors/gateway.pem, then sudo update-ca-trust."},
			{"Firefox", "Open Settings, Privacy & Security, View Certificates, Authorities, Import, choose ca.crt, and check: Trust this CA to identify websites."},
		},
	},
	"ko": {
		title:       "이 사이트를 신뢰하기",
		text:        "이 사이트는 홈 네트워크용이며 인증서를 직접 서명합니다. 기기에 루트 인증서를 한 번 설치하면 더 이상 경고가 나타나지 않습니다. 이 루트는 인터넷의 다른 사이트에는 쓸 수 없습니다.",
		compare:     "설치하기 전에, 지문이 이 사이트의 관리자가 알려 준 것과 같은지 확인하세요.",
		certificate: "루트 인증서", profile: "iPhone, iPad, Mac용 프로파일", fingerprint: "지문 (SHA-256)",
		until: "유효 기간",
		instructions: []Instruction{
			{"Windows", "ca.crt를 열고 인증서 설치, 로컬 컴퓨터, 모든 인증서를 다음 저장소에 저장, 신뢰할 수 있는 루트 인증 기관을 차례로 선택하세요."},
			{"macOS", "ca.crt를 열어 시스템 키체인에 추가하세요. 키체인에서 인증서를 열고 신뢰 항목에서 항상 신뢰를 선택하세요."},
			{"iPhone, iPad", "Safari에서 ca.mobileconfig를 열고 다운로드를 허용하세요. 설정, 일반, VPN 및 기기 관리에서 설치한 다음, 설정, 일반, 정보, 인증서 신뢰 설정에서 켜세요."},
			{"Android", "ca.crt를 내려받으세요. 설정, 보안, 암호화 및 사용자 인증 정보, 인증서 설치, CA 인증서를 차례로 열고 파일을 선택하세요."},
			{"Linux", "Debian, Ubuntu: sudo openssl x509 -in ca.crt -out /usr/local/share/ca-certificates/gateway.crt 다음에 sudo update-ca-certificates를 실행하세요. Fedora: sudo openssl x509 -in ca.crt -out /etc/pki/ca-trust/source/anchors/gateway.pem 다음에 sudo update-ca-trust를 실행하세요."},
			{"Firefox", "설정, 개인 정보 및 보안, 인증서 보기, 인증 기관, 가져오기에서 ca.crt를 선택하고, 웹 사이트를 식별하기 위해 이 인증 기관을 신뢰함에 표시하세요."},
		},
	},
}

// Instructions say how devices are made to trust a root, for each kind of them: in Korean if the language is "ko", else
// in English. They call its file ca.crt.
func Instructions(language string) []Instruction {
	v, known := rootVocabularies[language]
	if !known {
		v = rootVocabularies[languages[0]]
	}
	return v.instructions
}

var (
	//go:embed root.html
	rootSource string
	//go:embed root.css
	rootStyle string

	rootLayout = template.Must(template.New("root").Parse(rootSource))
	rootPolicy = func() string {
		sum := sha256.Sum256([]byte(style + rootStyle))
		return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
	}()
)

// rootView is what the template reads.
type rootView struct {
	Language, Title, Text, Compare, Certificate, Profile, FingerprintLabel, Fingerprint, Until, Expires, Name string
	Instructions                                                                                              []Instruction
	Style                                                                                                     template.CSS
}

// Render writes the page as a response to a request with that header, as HTML for browsers and as plain text for others.
// The caller adds framing, and leaves out the body for HEAD.
func (p Root) Render(asked header.Header) (status int, h header.Header, body []byte) {
	language := languageOf(asked)
	words := rootVocabularies[language]
	expires := p.Expires.UTC().Format(vocabularies[language].day)
	kind := "text/html; charset=utf-8"
	if ForBrowser(asked) {
		body = p.html(words, language, expires)
		h.Add("Content-Security-Policy", rootPolicy)
	} else {
		kind, body = "text/plain; charset=utf-8", p.text(words, expires)
	}
	h.Add("Cache-Control", "no-store")
	h.Add("Content-Language", language)
	h.Add("Content-Type", kind)
	h.Add("Vary", "Accept, Accept-Language")
	h.Add("X-Content-Type-Options", "nosniff")
	return http.StatusOK, h, body
}

func (p Root) html(words rootWords, language, expires string) []byte {
	var b bytes.Buffer
	err := rootLayout.Execute(&b, rootView{
		Language: language, Title: words.title, Text: words.text, Compare: words.compare, Certificate: words.certificate, Profile: words.profile,
		FingerprintLabel: words.fingerprint, Fingerprint: p.Fingerprint, Until: words.until, Expires: expires, Name: p.Name,
		Instructions: words.instructions, Style: template.CSS(style + rootStyle), //nolint:gosec // Our own style sheets.
	})
	if err != nil {
		return []byte(template.HTMLEscapeString(words.title)) // A test executes the template.
	}
	return b.Bytes()
}

func (p Root) text(words rootWords, expires string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n\n%s\n%s\n\n%s: /.gateway/ca.crt\n%s: /.gateway/ca.mobileconfig\n%s: %s\n", words.title, words.text,
		words.compare, p.Fingerprint, words.certificate, words.profile, words.until, expires)
	for _, i := range words.instructions {
		fmt.Fprintf(&b, "\n%s\n%s\n", i.System, i.Text)
	}
	return []byte(b.String())
}
