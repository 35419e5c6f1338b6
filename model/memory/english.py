"""English words for comparing a told sentence with a prompt: small words by what they do, and families
of words that are forms of one or name one thing. Data only; knows nothing of memory."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


DEFINITE = _words("the this that these those")
INDEFINITE = _words("a an another")
PREPOSITIONS = _words("""
in on at under behind near with from to for by after before during over through into upon beside
against of about above below inside outside opposite beyond since until between than as without via
s""")  # s: what an apostrophe leaves of "Anna's"
BEING = _words("is are was were am be been being has have had")
AUXILIARIES = BEING | _words("do does did will would shall should can could may might must")
SPEAKERS = _words("i you we")
TELLERS = _words("i me we us")
ASKING = _words("who whom whose which what where when why how besides many much else")
OTHERS = _words("""
i you he she it we they me him us them one there and or but not no that if so too also only nobody
everyone please tell say now well both than then there here very just still never always often
once better best more most ever again first some any instead rather according long yes oh hello hi
ok okay listen remember whoever somebody someone everybody t ll re ve d m ,""")  # ,: any mark
NUMBERS = _words("""
one two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty
sixty seventy eighty ninety hundred thousand""")
OWNERS = {word: owner for owner, words in enumerate((
    "my our your", "his", "her", "their", "its")) for word in words.split()}
SMALL = (DEFINITE | INDEFINITE | PREPOSITIONS | AUXILIARIES | ASKING | OTHERS | NUMBERS
         | frozenset(OWNERS))
TIMES = (_words("""
monday tuesday wednesday thursday friday saturday sunday january february march april june july august
september october november december morning afternoon evening night noon midnight summer winter spring
autumn"""), _words("today tonight tomorrow yesterday"))
# forms of one verb, and words for one thing; a bar between two families
_FAMILIES = """
buy bought|think thought|teach taught|catch caught|bring brought|fight fought|seek sought
go goes went gone|see saw seen|eat ate eaten|say said|sell sold|tell told|leave left|lose lost
keep kept|sleep slept|make made|stand stood|hold held|find found|run ran|win won|fly flew flown
know knew known|pay paid|wear wore worn|hear heard|choose chose chosen|break broke broken
speak spoke spoken|steal stole stolen|freeze froze frozen|wake woke woken|drive drove driven
ride rode ridden|write wrote written|take took|shake shook|sing sang sung|drink drank drunk
swim swam swum|begin began begun|ring rang rung|meet met|feel felt|build built|send sent
spend spent|lend lent|bend bent|fall fell|feed fed|lead led|read reads|draw drew drawn
grow grew grown|throw threw thrown|blow blew blown|lie lay|lay laid|sit sat|get got
forget forgot forgotten|give gave given|forgive forgave|bear bore born|tear tore torn
swear swore sworn|hang hung|dig dug|stick stuck|shoot shot|shine shone|strike struck
bite bit bitten|hide hid hidden|mother mum mom mummy|father dad daddy|grandmother grandma granny
grandfather grandpa|phone telephone|bike bicycle|photo photograph picture|child kid children
man men|woman women|person people|foot feet|mouse mice|goose geese|tooth teeth|film movie
fridge refrigerator|tv television
job work works worked working profession occupation trade career living earn bread employed
language languages tongue mother native|hobby hobbies pastime leisure free spare
home town city village|favourite favorite|name names named call calls called
live lives lived living house home|kind sort type|boss chief manager|wife spouse|husband spouse
car auto automobile|boat ship|sofa couch|street road|shop store|doctor physician
birthday birth born|surname family|password code|flat apartment|garden yard|illness disease
gift present|drink beverage|meal dish|start begin|finish end|leave depart departure|arrive arrival
cost costs price|meeting appointment|big large|small little|quick fast|sick ill|clever smart
autumn fall|holiday holidays vacation|rubbish trash|lorry truck|lift elevator
""".replace("\n", "|").split("|")
FAMILIES: dict[str, set[int]] = {}  # word -> numbers of the families that it is of
for _number, _line in enumerate(_FAMILIES):
    for _word in _line.split():
        FAMILIES.setdefault(_word, set()).add(_number)
