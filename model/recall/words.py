"""The words that episodes are made of, and the fixed rule that keeps some of them out of training.

Every list is written for this project. This file does not know what a sentence is (phrases.py).
"""
import hashlib
import random

ALWAYS_TRAINED = {"new york", "i", "teacher", "brother", "sister", "table", "night", "question",
                  "answer"}
NEVER_TRAINED = {"theory", "james theory"}


def is_held_out(value: str) -> bool:
    """True for one word in eight, and for every value that contains such a word."""
    key = value.lower()
    if key in ALWAYS_TRAINED or key in NEVER_TRAINED:
        return key in NEVER_TRAINED
    return any(hashlib.sha256(word.encode()).digest()[0] < 32 for word in key.split()
               if word not in ALWAYS_TRAINED)


def split(words: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A list written as one string -> its (trained, held-out) words, order kept.

    Separated by "|" with "_" for a space inside an entry, or by spaces.
    """
    entries = words.split("|") if "|" in words else words.split()
    entries = [entry.strip().replace("_", " ") for entry in entries]
    return (tuple(w for w in entries if not is_held_out(w)),
            tuple(w for w in entries if is_held_out(w)))


FIRST = split("""
Anna Ben Clara David Emma Felix Grace Henry Irene Jack Kate Leo Maria Noah Olivia Peter Quinn Rosa
Sam Tina Ursula Victor Wanda Xavier Yara Zoe Adam Bella Carl Diana Eric Fiona George Hannah Ivan
Julia Kevin Laura Martin Nina Oscar Paula Robert Sarah Thomas Vera Walter Alice Boris Cecilia Daniel
Elena Frank Gloria Hugo Isabel James Karen Lucas Mary Nathan Olga Paul Ruth Simon Theresa Amir
Bianca Chen Dora Edgar Farah Gustav Heidi Igor Jasmine Kofi Lena Mona Nils Omar Priya Rafael Sofia
Tariq Uma Viktor Wendy Yusuf Zara Agnes Bruno Colin Dolores Esther Fred Greta Howard Ida Jonas""")
LAST = split("""
Stone Baker Rivers Hill Carter Woods Fletcher Marsh Turner Brook Fields Shaw Novak Silva Lindgren
Okafor Tanaka Weber Rossi Moreau Petrov Haddad Kowalski Jensen Murphy Garcia Lopez Singh Patel Kim
Nguyen Larsen Hoffmann Dubois Ferrari Costa Andersen Berg Fischer Keller Wagner Walker Cooper Mason
Parker Reed Spencer Porter Gardner Harper Hunt Knight Lambert Palmer Quincy Ramsey Sutton Tucker
Vaughn Whitaker Ashford Bennett Crawford Donovan Ellison""")
CITY = split("""
New_York|London|Paris|Berlin|Rome|Madrid|Vienna|Oslo|Boston|Chicago|New_Orleans|San_Francisco|
Los_Angeles|Tokyo|Kyoto|Lisbon|Dublin|Warsaw|Prague|Athens|Cairo|Nairobi|Lagos|Mumbai|Delhi|Seoul|
Sydney|Melbourne|Toronto|Montreal|Mexico_City|Lima|Bogota|Buenos_Aires|Santiago|Havana|Helsinki|
Stockholm|Copenhagen|Brussels|Amsterdam|Hamburg|Munich|Zurich|Geneva|Milan|Naples|Venice|
Barcelona|Seville|Porto|Edinburgh|Glasgow|Cardiff|Belfast|Leeds|Oxford|Cambridge|New_Delhi|
Hong_Kong|Singapore|Bangkok|Jakarta|Manila|Hanoi|Istanbul|Ankara|Beirut|Tehran|Baghdad|Cape_Town|
Accra|Dakar|Tunis|Denver|Seattle|Portland|Houston|Dallas|Atlanta|Miami|Detroit|Salt_Lake_City|
Las_Vegas|San_Diego|Saint_Petersburg|Riga|Vilnius|Kyiv|Budapest|Zagreb|Belgrade|Reykjavik|
New_Haven""")
JOB = split("""
teacher|doctor|nurse|baker|painter|carpenter|farmer|lawyer|pilot|sailor|cook|gardener|writer|poet|
singer|dancer|actor|judge|soldier|tailor|barber|butcher|plumber|miner|clerk|banker|librarian|
programmer|engineer|architect|dentist|chemist|physicist|biologist|postman|fireman|policeman|
taxi_driver|bus_driver|truck_driver|tour_guide|shop_assistant|film_director|music_teacher|
night_watchman|photographer|journalist|translator|waiter|mechanic|electrician|optician|surgeon|
shepherd|fisherman|beekeeper|clockmaker|glassblower|blacksmith|jeweller""")
FOOD = split("""
bread|cheese|soup|rice|pasta|pizza|salad|fish|chicken|beef|potatoes|noodles|pancakes|apple_pie|
ice_cream|chocolate|honey|porridge|omelette|mushrooms|lentils|beans|tomatoes|cherries|strawberries|
plums|pears|grapes|oranges|bananas|figs|olives|dumplings|sushi|curry|stew|roast_lamb|fried_eggs|
onion_soup|lemon_cake|cheesecake|gingerbread|marzipan|walnuts|almonds|popcorn|waffles|toast|
fish_and_chips|goulash|risotto|lasagne|tacos|paella|hummus""")
DRINK = split("""
tea|coffee|milk|water|lemonade|apple_juice|orange_juice|cocoa|hot_chocolate|ginger_beer|cider|wine|
green_tea|mint_tea|tomato_juice|buttermilk|iced_tea|black_coffee|soda_water|grape_juice""")
ANIMAL = split("""
dog|cat|horse|rabbit|parrot|hamster|goldfish|tortoise|canary|pony|goat|donkey|hedgehog|lizard|snake|
guinea_pig|ferret|spider|frog|duck|goose|pig|lamb|raven|owl|mouse|rat|peacock|turtle|snail""")
PET_NAME = split("""
Biscuit Pepper Shadow Whiskers Buttons Rusty Mango Pickle Socks Ginger Bandit Cookie Daisy Rex Fido
Luna Milo Nugget Oreo Patch Rocky Smokey Toffee Waffle Ziggy Bramble Clover Dusty Ember Fudge""")
COLOUR = split("""
red|blue|green|yellow|orange|purple|pink|brown|black|white|grey|silver|gold|turquoise|violet|
crimson|scarlet|navy_blue|dark_green|light_blue|sky_blue|olive_green|ivory|amber|maroon|lilac|
teal""")
LANGUAGE = split("""
English French German Spanish Italian Portuguese Dutch Swedish Danish Norwegian Finnish Polish Czech
Russian Greek Turkish Arabic Hebrew Persian Hindi Bengali Urdu Tamil Chinese Japanese Korean Thai
Swahili Zulu Irish Welsh Latin Hungarian Romanian Icelandic Yoruba""")
HOBBY = split("""
chess|swimming|running|painting|singing|dancing|cooking|reading|fishing|sailing|cycling|climbing|
gardening|knitting|skating|skiing|riding|drawing|pottery|archery|bird_watching|stamp_collecting|
playing_cards|table_tennis|rock_climbing|star_gazing|wood_carving|kite_flying|weaving|juggling""")
INSTRUMENT = split("""
piano|violin|guitar|flute|trumpet|drums|cello|harp|clarinet|organ|accordion|banjo|oboe|tuba|lute|
bassoon|mandolin|double_bass|bagpipes|saxophone|trombone|viola|ukulele|xylophone""")
# Which days are held out depends on this order: leave it.
MONTHS = ("January", "February", "March", "April", "May", "June", "August", "September", "October",
          "November", "December", "July")

# Ordinary words, used as values of any kind so that copying does not depend on the kind.
PLAIN = split("""
window garden river mountain letter table silver candle morning winter summer shoulder kitchen
corner bridge forest island captain doctor mother father brother sister village castle prince
princess dragon money paper story question answer minute moment evening night water fire stone wood
iron glass cloth leather feather shadow light thunder storm cloud rain snow wind sea shore boat ship
sail anchor rope knife sword arrow shield helmet crown throne palace tower wall gate door roof
chimney cellar stairs carpet curtain mirror clock watch ring chain purse pocket button collar
sleeve glove boot shoe hat coat cloak dress apron basket bottle barrel bucket kettle plate spoon
fork bowl cup saucer tray pillow blanket bed chair bench desk drawer shelf book pencil pen ink
picture frame pistol powder treasure wagon wheel saddle bridle stable barn field meadow hedge lane
road path street market square church tomb school lesson master servant soldier sailor giant fairy
witch wolf fox bear lion tiger monkey elephant camel deer bird nest egg wing tail horn hoof tooth
finger thumb elbow knee ankle heart voice whisper laugh tear smile frown dream sleep hunger thirst
danger trouble pleasure sorrow anger courage wonder beauty pride truth secret promise battle
victory peace journey voyage harbour desert valley cave rock sand shell pearl diamond ruby""")

ONSETS = ("b c d f g h j k l m n p r s t v w z " * 3
          + "bl br ch cl dr fl gr pl qu sh sk st tr").split()
VOWELS = ("a e i o u " * 3 + "ai ea oo y").split()
CODAS = ["", "", "", "", "", "l", "m", "n", "r", "s", "t", "x", "nd", "rk", "th", "ck"]


def _syllable(rng: random.Random) -> str:
    return rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS)


def made_up(rng: random.Random, held_out: bool) -> str:
    """One pronounceable lower-case word of 1 to 3 syllables, from the wished side of the split."""
    while True:
        word = "".join(_syllable(rng) for _ in range(rng.choice((1, 2, 2, 2, 3))))
        if is_held_out(word) == held_out:
            return word
