package invite

import (
	"fmt"
	"strings"

	"golang.org/x/text/language"

	"gateway/projects/invite/link"
)

// The languages, the default first.
var (
	languages = []string{"en", "ko"}
	matcher   = language.NewMatcher([]language.Tag{language.English, language.Korean})
)

// maxAcceptLanguage bounds what is read of a field that strangers write.
const maxAcceptLanguage = 200

// languageOf is the one that was asked for by name, else the best by the Accept-Language field.
func languageOf(named, accepted string) string {
	for _, l := range languages {
		if named == l {
			return l
		}
	}
	if accepted == "" || len(accepted) > maxAcceptLanguage {
		return languages[0]
	}
	tags, _, err := language.ParseAcceptLanguage(accepted)
	if err != nil {
		return languages[0]
	}
	_, index, _ := matcher.Match(tags...)
	return languages[index]
}

// words are what a page says in one language. Those with %s name the service.
type words struct {
	Title, OtherTitle, Text, OtherText    string
	Join, OtherJoin, Note, OtherNote      string
	Wait, Working, Failed, Languages      string
	School, SchoolNote                    string
	Closed, ClosedText, ClosedLater       string
	Ask, Trouble                          string
	Form, FormText, Name, Email, Note2    string
	NoteHint, Send, Privacy, Leave, Again string
	FaultyName, FaultyEmail, FaultyNote   string
	Sent, SentText, Back                  string
	Notices                               map[notice]string
	NotFound, NotAllowed                  string
}

// notice is what a page has to say besides.
type notice string

// The notices.
const (
	noNotice    notice = ""
	noticeStale notice = "stale"
	noticeEarly notice = "early"
	noticeMany  notice = "many"
	noticeBusy  notice = "busy"
	noticeBad   notice = "bad"
	noticeLost  notice = "lost"
	noticeFault notice = "fault"
)

var vocabulary = map[string]*words{
	"en": {
		Title: "Join us on %s", OtherTitle: "Join us",
		Text:      "Talk with us, ask anything, and hear first what we are up to.",
		OtherText: "Talk with us, ask anything, and hear first what we are up to.",
		Join:      "Join on %s", OtherJoin: "Join now",
		Note: "Free. You go on to %s to sign up.", OtherNote: "Free. You go on to another site to sign up.",
		Wait: "The button appears after three seconds.", Working: "One moment…",
		Failed:    "That did not work. Reload the page and try again.",
		Languages: "Language",
		School:    "Sign up with your @%s address", SchoolNote: "No invitation needed.",
		Closed: "Invitations are closed right now", ClosedText: "There is no open invitation at the moment. Please ask us, and we will let you in.", ClosedLater: "There is no open invitation at the moment. Please come back later.",
		Ask: "Ask", Trouble: "Does it not work? Ask",
		Form: "Ask for an invitation", FormText: "Tell us who you are, and we will write back to you.",
		Name: "Name", Email: "E-mail", Note2: "A sentence about you", NoteHint: "How do we know each other, or what brings you here?",
		Send: "Send", Privacy: "It goes to the people of this club and is not kept on this server.",
		Leave: "Leave this empty", Again: "Please look at this again:",
		FaultyName:  "Write your name, in up to 80 characters.",
		FaultyEmail: "Write your e-mail address, such as name@example.org.",
		FaultyNote:  "Write a sentence, in up to 500 characters.",
		Sent:        "Thank you!", SentText: "Your request is on its way. We will write to you as soon as somebody has read it.",
		Back: "Back to the page",
		Notices: map[notice]string{
			noticeStale: "The page was open for a while. Please press the button once more.",
			noticeEarly: "That was fast! Please wait three seconds, then press the button once more.",
			noticeMany:  "Too many came from your network just now. Please try again in a few minutes.",
			noticeBusy:  "Very many people come just now. Please try again in a minute.",
			noticeBad:   "Your browser sent what this page cannot read. Please try again.",
			noticeLost:  "Your request could not be sent just now. Nothing you wrote is lost: please try again in a minute.",
			noticeFault: "Please check what is marked below.",
		},
		NotFound: "There is nothing here", NotAllowed: "This does not work that way",
	},
	"ko": {
		Title: "%s에서 함께해요", OtherTitle: "함께해요",
		Text:      "이야기를 나누고, 무엇이든 묻고, 새 소식을 가장 먼저 들어 보세요.",
		OtherText: "이야기를 나누고, 무엇이든 묻고, 새 소식을 가장 먼저 들어 보세요.",
		Join:      "%s 참여하기", OtherJoin: "지금 참여하기",
		Note: "무료입니다. 가입은 %s에서 이어집니다.", OtherNote: "무료입니다. 가입은 다른 사이트에서 이어집니다.",
		Wait: "3초 뒤에 버튼이 나타납니다.", Working: "잠시만 기다려 주세요…",
		Failed:    "잘되지 않았습니다. 페이지를 새로 고친 뒤 다시 시도해 주세요.",
		Languages: "언어",
		School:    "@%s 주소로 가입하기", SchoolNote: "초대장이 필요 없습니다.",
		Closed: "지금은 초대가 닫혀 있습니다", ClosedText: "현재 열려 있는 초대가 없습니다. 문의해 주시면 초대해 드리겠습니다.", ClosedLater: "현재 열려 있는 초대가 없습니다. 나중에 다시 찾아 주세요.",
		Ask: "문의", Trouble: "잘 안되나요? 문의",
		Form: "초대 요청하기", FormText: "누구신지 알려 주시면 답장을 드리겠습니다.",
		Name: "이름", Email: "이메일", Note2: "자기소개 한마디", NoteHint: "어떻게 알게 되었는지, 무엇을 하고 싶은지 적어 주세요.",
		Send: "보내기", Privacy: "동아리 담당자에게만 전달되며 이 서버에는 저장되지 않습니다.",
		Leave: "비워 두세요", Again: "다시 확인해 주세요:",
		FaultyName:  "이름을 80자 이내로 적어 주세요.",
		FaultyEmail: "name@example.org처럼 이메일 주소를 적어 주세요.",
		FaultyNote:  "한 문장을 500자 이내로 적어 주세요.",
		Sent:        "고맙습니다!", SentText: "요청을 보냈습니다. 담당자가 읽는 대로 답장을 드리겠습니다.",
		Back: "페이지로 돌아가기",
		Notices: map[notice]string{
			noticeStale: "페이지가 오래 열려 있었습니다. 버튼을 한 번 더 눌러 주세요.",
			noticeEarly: "너무 빨랐습니다! 3초 뒤에 버튼을 한 번 더 눌러 주세요.",
			noticeMany:  "같은 네트워크에서 요청이 너무 많았습니다. 몇 분 뒤에 다시 시도해 주세요.",
			noticeBusy:  "지금 방문자가 아주 많습니다. 잠시 뒤에 다시 시도해 주세요.",
			noticeBad:   "브라우저가 보낸 내용을 읽을 수 없습니다. 다시 시도해 주세요.",
			noticeLost:  "지금은 요청을 보낼 수 없습니다. 적은 내용은 그대로 있으니 잠시 뒤에 다시 시도해 주세요.",
			noticeFault: "아래에 표시된 곳을 확인해 주세요.",
		},
		NotFound: "여기에는 아무것도 없습니다", NotAllowed: "이렇게는 쓸 수 없습니다",
	},
}

// named puts the name of the service into a phrase, or takes the one that needs none.
func named(kind link.Kind, phrase, other string) string {
	name := kind.Name()
	if name == "" {
		return other
	}
	if !strings.Contains(phrase, "%s") {
		return phrase
	}
	return fmt.Sprintf(phrase, name)
}
