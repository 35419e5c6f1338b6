"""The words that open facts are made of, in their forms. Every list is written for this project.

One word in eight is held out by the rule of words.py: it never stands in a frame that the grammar
makes for training; a verb is held out by its base form. This file does not know what a sentence is
(open_frames.py).
"""
from dataclasses import dataclass

from model.recall import words

PEOPLE = words.split("""
teacher doctor nurse baker painter farmer lawyer pilot sailor cook gardener writer poet singer
dancer actor judge soldier tailor barber clerk banker librarian engineer dentist chemist postman
waiter mechanic surgeon shepherd fisherman jeweller king queen prince princess captain guard porter
driver guest stranger thief traveller hunter miller mayor priest bishop wizard witch giant dwarf
child boy girl woman man student pupil headmaster trainer goalkeeper runner swimmer rider champion
landlord tenant lodger owner manager director secretary assistant reporter editor printer publisher
player drummer violinist conductor composer sculptor plumber builder carpenter mason locksmith
inspector detective sheriff general colonel admiral ambassador minister president professor scholar
explorer climber inventor astronaut ranger keeper butler maid servant messenger clown juggler
magician beggar pirate monk nun knight emperor""")
RELATIVES = words.split("""
sister brother mother father aunt uncle cousin neighbour friend grandmother grandfather boss
daughter son nephew niece wife husband partner colleague flatmate roommate godfather godmother
stepbrother stepsister classmate rival twin landlady""")
KIN = words.split("""
Mother Father Grandma Grandpa Mum Dad Granny Auntie Nanny Papa Mama Grandfather Grandmother""")
TITLES = words.split("""
Mr Mrs Miss Dr Professor Captain Sir Lady Lord Uncle Aunt Judge Father Sister Brother Colonel Major
Nurse King Queen Saint Inspector General Sergeant Coach Madame""")
THINGS = words.split("""
key spoon cup plate lamp letter ring watch clock coat hat boot glove scarf umbrella suitcase box
basket bottle barrel bucket kettle knife fork bowl saucer candle mirror picture painting map book
diary notebook pencil pen brush ladder hammer saw nail rope chain lock bell drum flute violin guitar
piano trumpet camera telescope microscope compass radio television telephone computer printer
machine engine bicycle car van bus tractor boat ship ferry canoe raft train tram plane balloon kite
wagon cart sledge saddle helmet shield sword arrow bow spear crown necklace bracelet brooch purse
wallet coin ticket passport stamp parcel envelope newspaper magazine poem song story recipe
contract receipt photograph postcard carpet curtain blanket pillow chair table desk bench sofa
cupboard drawer shelf wardrobe bed cradle bath towel soap comb needle thread button ribbon jewel
pearl diamond statue vase flag tent lantern torch whistle ball doll puppet puzzle medal trophy
cheese cake pie soup stew bread sandwich jam honey wine juice medicine powder paint rug bag sack
folder file document report plan drawing model trunk chest safe jar tin pan pot oven stove fridge
heater fan pump pipe wheel anchor sail oar net hook spade rake hoe axe broom mop shirt dress skirt
jacket sweater belt shoe sandal mask wig violet rose tulip bush tree seed""")
NAMED = words.split("""
dog cat horse rabbit parrot hamster pony goat donkey lizard snake ferret puppy kitten calf lamb foal
boat ship yacht canoe band choir orchestra team club school hotel inn cafe restaurant bakery shop
street lane square bridge tower castle palace island village town river lake mountain hill valley
forest farm garden park planet star moon comet robot rocket train ferry song dance poem novel play
film game ballad opera magazine newspaper company factory bank museum theatre gallery festival
perfume wine cheese soup cake drink sauce dish tea medicine engine machine satellite submarine
dragon ghost giant unicorn elephant camel monkey whale dolphin""")
PLACES = words.split("""
house cabin office kitchen garden cellar attic garage barn stable shed library school church museum
theatre station harbour airport hospital hotel inn castle tower palace bridge market square street
park forest wood meadow field hill mountain valley cave river lake pond island beach village town
farm mill bakery shop bank factory workshop laboratory observatory greenhouse balcony terrace
corridor hall bedroom bathroom pantry chapel cemetery prison court temple monastery fountain gate
well stadium playground gym pool cinema gallery studio camp desert swamp canyon waterfall lighthouse
pier dock warehouse tunnel crossroads orchard vineyard courtyard porch staircase basement lobby
ballroom nursery embassy pharmacy""")
EVENTS = words.split("""
meeting concert lesson play film match race party wedding fair festival exam lecture show dinner
breakfast lunch class course train bus ferry flight tram boat parade auction sale sermon rehearsal
tournament trial picnic dance performance ceremony funeral holiday term voyage expedition""")
GROUPS = words.split("""
club team band choir class orchestra committee crew army council society family gang party company
group tribe fleet herd league union""")
ATTRIBUTES = words.split("""
code number name password address colour price size weight height age title owner author maker
purpose answer capital motto symbol flavour origin meaning secret nickname subject topic cause
reason shape material brand model sign signal keyword ruler leader winner captain mascot
destination source theme language currency emblem favourite result total score date rank position
temperature limit deadline reward prize punishment cost fee rent frequency channel""")
MODIFIERS = words.split("""
wifi chess book football music tea coffee wine bread garden kitchen school village town night summer
winter morning evening paper silver gold iron stone glass wooden flight room house car ticket phone
bank library travel weather police fire water wind sun star moon river sea mountain forest animal
bird dog cat horse fish computer radio science history cooking dance swimming tennis golf hockey
running sailing fishing gate door window cellar post letter picture birthday wedding school""")
ADJECTIVES = words.split("""
old new small big large little long short red blue green yellow white black brown grey silver golden
wooden broken empty full heavy light dark bright strange famous secret lost hidden first second
third last next other left right upper lower inner outer northern southern eastern western young
tall thin fat rich poor clever foolish brave shy quiet loud lazy busy kind cruel happy sad tired
hungry angry gentle rude honest fast slow early late cheap expensive rare common round square flat
sharp blunt soft hard warm cold hot wet dry clean dirty sweet sour bitter fresh stale ripe rotten
striped spotted plain pretty ugly ancient modern foreign royal holy magic rusty dusty narrow wide
deep shallow steep tiny huge best worst oldest newest smallest largest favourite spare""")
NUMBERS = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
           "twelve", "fifteen", "twenty", "thirty", "forty", "fifty", "sixty", "ninety"]
COINS = words.split("crowns pounds pennies dollars coins francs marks shillings euros pesos rubles yen")
UNITS = words.split("""
rooms windows doors floors seats pages chapters children members wheels legs teeth steps books
chairs tables beds tickets keys horses cows sheep students players songs bells stars candles
bottles stamps trees islands bridges soldiers sailors guests eggs apples letters""")
PREPOSITIONS = ["under", "behind", "in", "near", "beside", "inside", "above", "below", "at", "by",
                "on", "outside", "opposite", "beyond"]
TIMES = words.split("""
yesterday|today|last_night|last_week|last_winter|last_summer|last_year|this_morning|this_evening|
on_Monday|on_Tuesday|on_Wednesday|on_Thursday|on_Friday|on_Saturday|on_Sunday|at_noon|at_midnight|
at_dawn|at_four|at_six|at_nine|in_January|in_March|in_April|in_May|in_June|in_August|in_October|
in_spring|in_autumn|before_breakfast|after_lunch|after_the_rain|before_the_storm|after_the_war|
during_the_concert|a_month_ago|two_days_ago|long_ago|after_a_long_quarrel|on_the_first_day""")
HABITS = words.split("""
every_morning|every_evening|every_day|every_night|every_week|every_Monday|every_Friday|every_Sunday|
every_summer|every_winter|on_Mondays|on_Tuesdays|on_Thursdays|on_Saturdays|on_Sundays|at_noon|
at_night|in_winter|in_spring|after_school|before_dinner|twice_a_week|once_a_year|at_weekends""")

# Irregular verbs: base, past, participle. All others follow the rule.
IRREGULAR = {line.split()[0]: line.split()[1:] for line in """
hide hid hidden|put put put|leave left left|find found found|keep kept kept|lose lost lost
see saw seen|buy bought bought|hang hung hung|throw threw thrown|sell sold sold|build built built
draw drew drawn|forget forgot forgotten|hold held held|bring brought brought|make made made
eat ate eaten|drink drank drunk|read read read|write wrote written|sing sang sung
teach taught taught|cut cut cut|come came come|go went gone|sleep slept slept|meet met met
fly flew flown|stand stood stood|lead led led|begin began begun|give gave given|send sent sent
lend lent lent|take took taken|steal stole stolen|know knew known|win won won|wear wore worn
choose chose chosen|catch caught caught|break broke broken|ride rode ridden|drive drove driven
swim swam swum|run ran run|sit sat sat|grow grew grown|tell told told|hear heard heard
feed fed fed|shake shook shaken|dig dug dug|say said said|get got got|speak spoke spoken|fight fought fought
ring rang rung|forbid forbade forbidden|wake woke woken|show showed shown|light lit lit
tear tore torn|sew sewed sewn|burn burnt burnt
lay laid laid|spill spilt spilt|pay paid paid|understand understood understood
think thought thought|dream dreamt dreamt|fall fell fallen|freeze froze frozen|bite bit bitten
""".replace("|", "\n").strip().splitlines()}

PLACE_VERBS = words.split("""
hide put leave find bury keep lose drop see buy store plant hang throw sell repair paint build park
mend wash draw forget carry hold discover notice place spill clean cook bake photograph borrow break
steal catch burn lay cut unpack collect polish examine open fill empty test measure load wrap""")
OBJECT_VERBS = words.split("""
like love want need bring make eat drink read write sing teach learn open cut see buy find sell
paint build draw cook bake carry collect invent describe admire visit marry meet choose win wear
miss fear hate trust follow study translate remember mention recommend order deliver repair grow
plant feed catch chase steal rescue photograph copy print publish mix taste smell hear understand
practise play perform break burn forget praise blame copy hire help save protect train ride drive
guard avoid prefer mend observe""")
PLACED_VERBS = words.split("""
come_from|live_in|go_to|sleep_under|work_at|work_for|wait_at|arrive_at|meet_at|belong_to|depend_on|
consist_of|taste_of|smell_of|look_like|believe_in|talk_about|lead_to|end_at|begin_at|fly_to|
dream_of|point_to|stand_near|stand_in|travel_to|sail_to|drive_to|walk_to|run_to|return_to|
escape_from|sit_beside|grow_near|rest_at|swim_to|study_at|camp_near|stop_at|start_from|land_on|
look_at|listen_to|laugh_at|wait_for|search_for|think_of|care_for|fight_against|hope_for|pray_to|
rely_on|speak_of|suffer_from|learn_from|play_with|trade_with|dance_with|argue_with|hide_from|
drink_from|eat_with|write_about|stay_with|stay_at|fall_into|jump_over|hang_from|turn_to""")
GIVE_VERBS = words.split("give send lend sell show hand pass offer promise bring return write pay")
TAKE_VERBS = words.split("borrow buy steal take get receive inherit win hear learn rent copy")
SHOW_VERBS = words.split("""
show contain hide cover protect describe mention praise explain reveal carry need hold prove
replace follow attract cure warm scare light open block heal feed teach remember forbid honour""")
DO_VERBS = words.split("open close start stop lock clean find reach fix wake feed win catch calm move "
                       "cure light lift fill empty enter leave save turn free mend pass guard")
TOLD_TO = words.split("say press turn use take try find need pull read sing call whisper ring wear")


@dataclass(frozen=True)
class Verb:
    """A verb in its forms, with the preposition that goes with it ("" where none does)."""
    base: str
    past: str
    part: str     # participle
    third: str    # "comes"
    prep: str = ""


def verb(entry: str) -> Verb:
    """"hide" or "come from" -> its forms."""
    base, _, prep = entry.partition(" ")
    if base in IRREGULAR:
        past, part = IRREGULAR[base]
    else:
        past = part = _ed(base)
    return Verb(base, past, part, _s(base), prep)


def _s(base: str) -> str:
    if base.endswith(("s", "sh", "ch", "x", "o")):
        return base + "es"
    if base.endswith("y") and base[-2] not in "aeiou":
        return base[:-1] + "ies"
    return base + "s"


def _ed(base: str) -> str:
    if base.endswith("e"):
        return base + "d"
    if base.endswith("y") and base[-2] not in "aeiou":
        return base[:-1] + "ied"
    if base in {"drop", "stop", "wrap", "travel", "prefer"}:
        return base + base[-1] + "ed"
    return base + "ed"
